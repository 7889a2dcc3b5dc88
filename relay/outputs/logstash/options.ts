import { z } from 'zod';
import { tlsClientOption } from '../../component/options.ts';
import { parseEndpointUrl, type EndpointAddress } from '../../io/endpoint-url.ts';

/** The ports of Logstash's own documentation; for http(s), those of any URL. Plain TCP has none. */
const DEFAULT_PORTS = {
  lumberjack: 5044,
  lumberjacks: 5044,
  http: 80,
  https: 443,
  tcp: undefined,
  tls: undefined,
} as const;

export type Protocol = 'lumberjack' | 'http' | 'tcp';

/** Logstash's own receivers in Go take no larger window. */
const WINDOW_RECORDS_MAX = 10_000;

/** One check for a single URL and for a list, so that the operator is told what is wrong, not that neither form matched. */
const url = z.union([z.string(), z.array(z.string()).min(1).max(16)]).superRefine((value, context) => {
  for (const text of urlsOf({ url: value })) {
    const message = problemOf(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }
});

export const logstashOptions = z
  .strictObject({
    url: url
      .describe(
        'Where Logstash listens. `lumberjack://` and `lumberjacks://` (TLS) reach its beats or elastic_agent input, `http://` and `https://` its http input, `tcp://` and `tls://` its tcp input with `codec => json_lines`. Without a port, 5044, 80 and 443 are meant; `tcp://` and `tls://` must name one. A list is tried in turn when the one in use fails.',
      )
      .meta({ examples: ['lumberjacks://logstash.example:5044'] }),
    tls: tlsClientOption
      .optional()
      .describe(
        'How the server is checked, and how we prove who we are, with `lumberjacks://`, `https://` and `tls://`.',
      ),
    username: z.string().min(1).max(256).optional().describe('User name for `http(s)://`. Needs `password_file`.'),
    password_file: z.string().optional().describe('File whose first line is the password of `username`.'),
    compression_level: z
      .int()
      .min(0)
      .max(9)
      .default(1)
      .describe(
        'How hard to compress for `lumberjack(s)://` and `http(s)://`, from 1 (fast) to 9 (small); 0 does not.',
      ),
    windows_in_flight: z
      .int()
      .min(1)
      .max(16)
      .default(4)
      .describe('Deliveries sent before the first is acknowledged. `http(s)://` always has one.'),
    records_max: z
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .describe('Records in one delivery at most. 2048 by default, 10000 for `tcp://` and `tls://`.'),
    bytes_max: z
      .int()
      .min(65_536)
      .max(64 << 20)
      .default(2 << 20)
      .describe('Bytes of records in one delivery at most, before compression. One record may be larger.'),
    connect_timeout_ms: z
      .int()
      .min(100)
      .max(600_000)
      .default(10_000)
      .describe('How long connecting may take, TLS included.'),
    ack_timeout_ms: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(60_000)
      .describe('How long the server may be silent while it owes an acknowledgement or an answer.'),
    write_stall_timeout_ms: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(60_000)
      .describe('How long the server may read nothing with `tcp://` and `tls://`.'),
  })
  .superRefine((options, context) => {
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (urlsOf(options).some((text) => problemOf(text) !== undefined)) return;
    const addresses = urlsOf(options).map(addressOf);
    const [first] = addresses;
    if (first === undefined) return;
    const protocol = protocolOf(first);
    if (addresses.some((address) => protocolOf(address) !== protocol)) {
      problem('url', 'all addresses of one endpoint must use the same protocol');
    }
    if (options.tls !== undefined && !addresses.some(isSecure)) {
      problem('tls', `"${first.scheme}://" does not use TLS; use ${SECURE[protocol]}:// or leave tls out`);
    }
    if ((options.username === undefined) !== (options.password_file === undefined)) {
      problem('password_file', 'username and password_file go together');
    }
    if (options.username !== undefined && protocol !== 'http') {
      problem('username', `"${first.scheme}://" knows no user names; use tls with a client certificate`);
    }
    if (protocol === 'lumberjack' && (options.records_max ?? 0) > WINDOW_RECORDS_MAX) {
      problem('records_max', `lumberjack servers refuse more than ${WINDOW_RECORDS_MAX} records in one window`);
    }
  });

export type LogstashOptions = z.output<typeof logstashOptions>;

const SECURE = { lumberjack: 'lumberjacks', http: 'https', tcp: 'tls' } as const satisfies Record<Protocol, string>;

export function urlsOf(options: { readonly url: string | readonly string[] }): readonly string[] {
  return typeof options.url === 'string' ? [options.url] : options.url;
}

function problemOf(text: string): string | undefined {
  const parsed = parseEndpointUrl(text, DEFAULT_PORTS);
  if (typeof parsed === 'string') return parsed;
  return parsed.path === '/' || protocolOf(parsed) === 'http' ? undefined : `"${parsed.scheme}://" takes no path`;
}

/** The parts of a URL that the schema has passed. */
export function addressOf(text: string): EndpointAddress {
  const parsed = parseEndpointUrl(text, DEFAULT_PORTS);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

export function protocolOf({ scheme }: EndpointAddress): Protocol {
  if (scheme.startsWith('lumberjack')) return 'lumberjack';
  return scheme.startsWith('http') ? 'http' : 'tcp';
}

export function isSecure({ scheme }: EndpointAddress): boolean {
  return scheme === 'lumberjacks' || scheme === 'https' || scheme === 'tls';
}

/** Records in one delivery, where the operator set no number. */
export function recordsMaxOf(options: LogstashOptions, protocol: Protocol): number {
  return options.records_max ?? (protocol === 'tcp' ? 10_000 : 2_048);
}

/**
 * Deliveries that may overlap. Over http one, so that the order holds. Over tcp several: nobody acknowledges them, they only wait for the
 * kernel, and while it has room a wait between two costs the whole of an event loop's turn.
 */
export function inFlightMaxOf(options: LogstashOptions, protocol: Protocol): number {
  if (protocol === 'http') return 1;
  return protocol === 'tcp' ? TCP_IN_FLIGHT_MAX : options.windows_in_flight;
}

const TCP_IN_FLIGHT_MAX = 16;
