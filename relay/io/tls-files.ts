import { readFileSync } from 'node:fs';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate, type TlsOptions } from 'node:tls';
import { RelayError } from '../errors.ts';

interface KeyPairFiles {
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
  readonly key_passphrase_file?: string | undefined;
  readonly min_version: 'TLSv1.2' | 'TLSv1.3';
}

export interface TlsServerFiles extends KeyPairFiles {
  readonly client_ca_file?: string | undefined;
  readonly client_auth: 'none' | 'optional' | 'required';
  readonly crl_file?: string | undefined;
}

export interface TlsClientFiles extends KeyPairFiles {
  readonly ca_file?: string | undefined;
  readonly server_name?: string | undefined;
  readonly fingerprint_sha256?: string | undefined;
  readonly verify: boolean;
}

/** Options for `node:tls` servers. Throws `CONFIG_UNREADABLE`, naming the file. Renegotiation is off in Node by default. */
export function loadTlsServer(files: TlsServerFiles): TlsOptions {
  return {
    ...loadKeyPair(files),
    ...(files.client_ca_file === undefined ? {} : { ca: readPem(files.client_ca_file) }),
    ...(files.crl_file === undefined ? {} : { crl: readPem(files.crl_file) }),
    requestCert: files.client_auth !== 'none',
    rejectUnauthorized: files.client_auth === 'required',
    minVersion: files.min_version,
  };
}

/** Options for `node:tls` and undici clients. Throws `CONFIG_UNREADABLE`, naming the file. */
export function loadTlsClient(files: TlsClientFiles, host: string): ConnectionOptions {
  const pinned = files.fingerprint_sha256?.replaceAll(':', '').toUpperCase();
  const name = files.server_name ?? host;
  return {
    ...loadKeyPair(files),
    ...(files.ca_file === undefined ? {} : { ca: readPem(files.ca_file) }),
    // RFC 6066 §3: a server name is never an IP address.
    ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
    rejectUnauthorized: files.verify && pinned === undefined,
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      files.verify ? checkServerIdentity(name, certificate) : undefined,
    minVersion: files.min_version,
  };
}

/** Throws `OUTPUT_TLS_FAILED` where a certificate was pinned and the peer showed another one. To be called once connected. */
export function checkFingerprint(files: TlsClientFiles, certificate: PeerCertificate): void {
  const pinned = files.fingerprint_sha256?.replaceAll(':', '').toUpperCase();
  if (pinned === undefined) return;
  const shown = certificate.fingerprint256?.replaceAll(':', '').toUpperCase();
  if (shown !== pinned)
    throw new RelayError(
      'OUTPUT_TLS_FAILED',
      `the server’s certificate has the fingerprint ${shown ?? 'none'}, not the one that is pinned`,
    );
}

function loadKeyPair(files: KeyPairFiles): Pick<TlsOptions, 'cert' | 'key' | 'passphrase'> {
  return {
    ...(files.cert_file === undefined ? {} : { cert: readPem(files.cert_file) }),
    ...(files.key_file === undefined ? {} : { key: readPem(files.key_file) }),
    ...(files.key_passphrase_file === undefined ? {} : { passphrase: readSecretFile(files.key_passphrase_file) }),
  };
}

/** The first line of a file that holds a secret. Throws `CONFIG_UNREADABLE`, naming the file. */
export function readSecretFile(file: string): string {
  return readPem(file).toString('utf8').split(/\r?\n/, 1)[0] ?? '';
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new RelayError('CONFIG_UNREADABLE', `cannot read ${file}`, { cause });
  }
}
