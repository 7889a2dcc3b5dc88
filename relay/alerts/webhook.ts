import { tlsClientOption } from '../component/options.ts';
import { RelayError } from '../errors.ts';
import type { Clock } from '../io/clock.ts';
import { parseEndpointUrl } from '../io/endpoint-url.ts';
import { HttpClient } from '../io/http-client.ts';
import { readSecretFile } from '../io/tls-files.ts';
import type { AlertMessage } from './channel.ts';
import type { AlertOptions } from './options.ts';

type WebhookOptions = NonNullable<AlertOptions['webhook']>;

/** Makes what posts an alert as JSON: `{relay, phase, kind, subject, severity, message, since, at}`. Redirects are not followed. */
export function webhookSender(
  options: WebhookOptions,
  { clock, relay }: { readonly clock: Clock; readonly relay: string },
): (message: AlertMessage, signal: AbortSignal) => Promise<void> {
  const address = parseEndpointUrl(options.url, { http: 80, https: 443 });
  if (typeof address === 'string') throw new RelayError('CONFIG_INVALID', address);
  return async ({ alert, phase, atMs }, signal) => {
    const { kind, subject, severity, message, sinceMs } = alert;
    const since = new Date(sinceMs).toISOString();
    const at = new Date(atMs).toISOString();
    const body = Buffer.from(JSON.stringify({ relay, phase, kind, subject, severity, message, since, at }));
    const headers = { 'content-type': 'application/json', ...authorization(options) };
    // One connection for one alert: they are rare.
    const client = new HttpClient({
      address,
      tls: address.scheme === 'https' ? (options.tls ?? DEFAULT_TLS) : undefined,
      clock,
      connectionsMax: 1,
      connectTimeoutMs: options.timeout_ms,
      timeoutMs: options.timeout_ms,
      connectionAgeMaxMs: Number.MAX_SAFE_INTEGER,
    });
    try {
      const { status } = await client.request({ method: 'POST', path: address.path, headers, body }, signal);
      if (status >= 300) throw new RelayError('OUTPUT_PROTOCOL', `the webhook answered ${status}`);
    } finally {
      await client.close();
    }
  };
}

const DEFAULT_TLS = tlsClientOption.parse({});

function authorization({ token_file: file }: WebhookOptions): Readonly<Record<string, string>> {
  if (file === undefined) return {};
  return { authorization: `Bearer ${readSecretFile(file)}` };
}
