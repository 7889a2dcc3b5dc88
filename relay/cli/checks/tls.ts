import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { isRecord } from '../../config/explain-schema.ts';
import { describeError, RelayError } from '../../errors.ts';
import { loadTlsClient, loadTlsServer, type TlsClientFiles, type TlsServerFiles } from '../../io/tls-files.ts';
import type { Check, Finding } from './check.ts';

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is worth a warning. */
const RENEWAL_DAYS = 30;

/** Certificates and keys can be used, belong together, and are valid for some time yet. */
export const tls: Check = {
  name: 'tls',
  run: async ({ config, context }) => {
    const nowMs = context.clock.nowMs();
    return [
      ...config.inputs.flatMap(({ name, options }) =>
        isRecord(options['tls']) ? examine(`inputs.${name}.tls`, loadServer(options['tls']), nowMs) : [],
      ),
      ...config.endpoints.flatMap(({ name, options }) =>
        isRecord(options['tls']) ? examine(`endpoints.${name}.tls`, loadClient(options['tls']), nowMs) : [],
      ),
    ];
  },
};

// That it is the shared TLS option was settled when the component's own schema took it.
const loadServer = (options: object) => (): SecureContextOptions => loadTlsServer(options as TlsServerFiles);
const loadClient = (options: object) => (): SecureContextOptions =>
  loadTlsClient(options as TlsClientFiles, 'localhost');

function examine(option: string, load: () => SecureContextOptions, nowMs: number): Finding[] {
  try {
    const material = load();
    createSecureContext(material);
    return Buffer.isBuffer(material.cert) ? [validity(option, new X509Certificate(material.cert), nowMs)] : [];
  } catch (error) {
    // That a file cannot be read is told by the check of files.
    if (error instanceof RelayError && error.code === 'CONFIG_UNREADABLE') return [];
    return [{ outcome: 'problem', message: `${option}: cannot be used (${describeError(error)})` }];
  }
}

function validity(option: string, certificate: X509Certificate, nowMs: number): Finding {
  const endsMs = Date.parse(certificate.validTo);
  const beginsMs = Date.parse(certificate.validFrom);
  if (nowMs < beginsMs)
    return { outcome: 'problem', message: `${option}: the certificate is not valid before ${isoDay(beginsMs)}` };
  if (nowMs > endsMs)
    return { outcome: 'problem', message: `${option}: the certificate has not been valid since ${isoDay(endsMs)}` };
  const days = Math.floor((endsMs - nowMs) / DAY_MS);
  const message = `${option}: the certificate is valid until ${isoDay(endsMs)}`;
  return days < RENEWAL_DAYS
    ? { outcome: 'warning', message: `${message}, ${days} days from now` }
    : { outcome: 'ok', message };
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
