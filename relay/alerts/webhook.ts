import { tlsClientOption } from '../component/options.ts';
import { RelayError } from '../errors.ts';
import type { Clock } from '../io/clock.ts';
import { connect } from '../io/connect.ts';
import { parseEndpointUrl } from '../io/endpoint-url.ts';
import { networkError } from '../io/network-error.ts';
import { readSecretFile } from '../io/tls-files.ts';
import { undici } from '../io/undici.ts';
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
  const { host, port, scheme, path } = address;
  const { origin } = new URL(options.url);
  return async ({ alert, phase, atMs }, signal) => {
    const { kind, subject, severity, message, sinceMs } = alert;
    const since = new Date(sinceMs).toISOString();
    const body = JSON.stringify({
      relay,
      phase,
      kind,
      subject,
      severity,
      message,
      since,
      at: new Date(atMs).toISOString(),
    });
    const attempt = new AbortController();
    const give = (): void => attempt.abort();
    const timer = clock.after(options.timeout_ms, give);
    signal.addEventListener('abort', give);
    // One connection for one alert: they are rare.
    const client = new (undici().Client)(origin, {
      connect: (_options, callback) => {
        connect({
          host,
          port,
          tls: scheme === 'https' ? (options.tls ?? DEFAULT_TLS) : undefined,
          clock,
          timeoutMs: options.timeout_ms,
        }).then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(networkError(error, host, 'connect'), null),
        );
      },
    });
    try {
      const answer = await client.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', ...authorization(options) },
        body,
        signal: attempt.signal,
      });
      await answer.body.dump();
      if (answer.statusCode >= 300)
        throw new RelayError('OUTPUT_PROTOCOL', `the webhook answered ${answer.statusCode}`);
    } catch (error) {
      throw error instanceof RelayError ? error : networkError(error, host, 'use');
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', give);
      await client.destroy();
    }
  };
}

const DEFAULT_TLS = tlsClientOption.parse({});

function authorization({ token_file: file }: WebhookOptions): Readonly<Record<string, string>> {
  if (file === undefined) return {};
  return { authorization: `Bearer ${readSecretFile(file)}` };
}
