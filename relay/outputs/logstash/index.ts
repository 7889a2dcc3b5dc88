import { tlsClientOption } from '../../component/options.ts';
import { defineOutput, type Output, type OutputContext } from '../../component/output.ts';
import { loadTlsClient, readSecretFile } from '../../io/tls-files.ts';
import { HttpOutput } from './http.ts';
import { LumberjackOutput } from './lumberjack.ts';
import {
  addressOf,
  isSecure,
  logstashOptions,
  protocolOf,
  inFlightMaxOf,
  recordsMaxOf,
  urlsOf,
  type LogstashOptions,
} from './options.ts';
import type { Target } from './target.ts';
import { TcpOutput } from './tcp.ts';

export const logstash = defineOutput({
  type: 'logstash',
  stability: 'beta',
  summary: 'Sends records to Logstash: over its beats input, its http input, or plain TCP.',
  notes: [
    'Use `lumberjack(s)://` where you can: each window of records is acknowledged once all of it is in Logstash’s queue, and Logstash says when it is busy. `http(s)://` passes proxies more easily. `tcp://` and `tls://` are acknowledged by nobody: what was sent last is sent again after a lost connection.',
    'An acknowledgement means “in Logstash’s queue”. With its default queue, in memory, a Logstash that crashes still loses what it had acknowledged: set `queue.type: persisted`, and `queue.checkpoint.writes: 1` to be strict.',
    'Records may arrive twice after a lost connection. Each carries the same `event.id` both times: `document_id => "%{[event][id]}"` in Logstash’s elasticsearch output makes them one.',
    'The http input adds `event.original`, a copy of the whole request, to an event that arrives alone in its request, if its `ecs_compatibility` is on.',
  ],
  options: logstashOptions,

  acknowledgement: (options) => (protocolOf(addressOf(urlsOf(options)[0]!)) === 'tcp' ? 'none' : 'endpoint'),

  addresses: urlsOf,

  create(options, context, address = urlsOf(options)[0]!): Output {
    const parsed = addressOf(address);
    const protocol = protocolOf(parsed);
    const target = targetOf(options, context, address);
    const limits = {
      recordsMax: recordsMaxOf(options, protocol),
      bytesMax: options.bytes_max,
      inFlightMax: inFlightMaxOf(options, protocol),
    };
    const { compression_level: compressionLevel, ack_timeout_ms: ackTimeoutMs } = options;
    switch (protocol) {
      case 'lumberjack':
        return new LumberjackOutput({ target, limits, compressionLevel, ackTimeoutMs });
      case 'http': {
        const { path } = parsed;
        return new HttpOutput({
          target,
          limits,
          path,
          compressionLevel,
          ackTimeoutMs,
          credentials: credentialsOf(options),
        });
      }
      case 'tcp': {
        const { write_stall_timeout_ms: writeStallTimeoutMs } = options;
        return new TcpOutput({ target, limits, writeStallTimeoutMs, connectionLost: () => context.connectionLost() });
      }
    }
  },
});

function targetOf(options: LogstashOptions, { clock }: OutputContext, url: string): Target {
  const address = addressOf(url);
  const tls = isSecure(address) ? (options.tls ?? tlsClientOption.parse({})) : undefined;
  // They are read again for each connection; reading them here stops a relay whose configuration names a file that is not there.
  if (tls !== undefined) loadTlsClient(tls, address.host);
  return { url, host: address.host, port: address.port, tls, connectTimeoutMs: options.connect_timeout_ms, clock };
}

function credentialsOf(options: LogstashOptions): { username: string; password: string } | undefined {
  const { username, password_file: file } = options;
  return username === undefined || file === undefined ? undefined : { username, password: readSecretFile(file) };
}
