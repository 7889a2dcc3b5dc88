import { z } from 'zod';
import { tlsClientOption } from '../../component/options.ts';
import { defineOutput, type Output, type OutputContext } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { parseEndpointUrl, type EndpointAddress } from '../../io/endpoint-url.ts';
import { loadTlsClient } from '../../io/tls-files.ts';
import { MESSAGE_BYTES_MIN } from '../../wire/syslog-encode.ts';
import { DatagramOutput } from './datagram.ts';
import { MessageEncoder } from './message-encoder.ts';
import { StreamOutput } from './stream.ts';

const PORTS = { udp: 514, tcp: 514, tls: 6_514 };
/** What an IPv4 datagram holds. */
const DATAGRAM_BYTES_MAX = 65_507;

const url = z.string().superRefine((text, context) => {
  const parsed = parseEndpointUrl(text, PORTS);
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
});

const options = z
  .strictObject({
    url: z
      .union([url, z.array(url).min(1).max(16)])
      .describe(
        'Where the receiver listens: `udp://`, `tcp://` or `tls://`. The port is 514, with TLS 6514, where it is left out. A list, of one ' +
          'kind, is tried in turn when the one in use fails.',
      )
      .meta({ examples: ['tls://syslog.example:6514'] }),
    format: z
      .enum(['rfc5424', 'rfc3164'])
      .default('rfc5424')
      .describe('How messages are written. RFC 3164 loses the event’s id.'),
    framing: z
      .enum(['octet_counting', 'lf'])
      .default('octet_counting')
      .describe(
        'How messages are told apart over TCP and TLS: by their length, or by line ends, with those inside escaped.',
      ),
    body: z
      .enum(['message', 'json'])
      .default('message')
      .describe('What follows the header: the text of the message, or the whole record as JSON.'),
    escape_controls: z
      .boolean()
      .optional()
      .describe(
        'Writes control characters and line ends in texts as `\\n`, `\\u001b` and so on, and `\\` as `\\\\`. By default on with `udp://` and ' +
          '`framing: lf`, where a receiver may take a line end for the end of the message.',
      ),
    enterprise_id: z
      .string()
      .regex(/^\d{1,10}(\.\d{1,10}){0,3}$/, 'an enterprise id is a number such as 32473')
      .default('32473')
      .describe(
        'The number in `[spillway@32473 id="…" dataset="…"]`. 32473 is the one for examples: set your own if you have one.',
      ),
    tls: tlsClientOption.optional().describe('How the server is checked, and how we prove who we are, with `tls://`.'),
    datagram_bytes_max: z
      .int()
      .min(MESSAGE_BYTES_MIN)
      .max(DATAGRAM_BYTES_MAX)
      .default(8_192)
      .describe('Longer messages are cut over UDP, and say so.'),
    message_bytes_max: z
      .int()
      .min(MESSAGE_BYTES_MIN)
      .max(16_777_216)
      .default(1_048_576)
      .describe('Longer messages are cut over TCP and TLS, and say so. Set it to what the receiver takes.'),
    records_max: z.int().min(1).max(100_000).default(1_000).describe('Records in one delivery.'),
    bytes_max: z.int().min(4_096).max(67_108_864).default(1_048_576).describe('Bytes of records in one delivery.'),
    connect_timeout_ms: z
      .int()
      .min(100)
      .max(600_000)
      .default(10_000)
      .describe('How long connecting may take, TLS included.'),
    write_stall_timeout_ms: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(60_000)
      .describe('How long the receiver may read nothing over TCP and TLS.'),
  })
  .refine((o) => o.framing !== 'lf' || o.escape_controls !== false, {
    message: 'with framing: lf a line end inside a record would forge a message, so it must be escaped',
    path: ['escape_controls'],
  })
  .refine((o) => new Set(addressesOf(o).map((text) => text.split(':')[0])).size === 1, {
    message: 'addresses of one endpoint must be of one kind',
    path: ['url'],
  });

type Options = z.output<typeof options>;

export const syslog = defineOutput({
  type: 'syslog',
  stability: 'stable',
  summary: 'Sends records as syslog messages over UDP, TCP or TLS.',
  notes: [
    'Syslog has no acknowledgement. After a lost connection the last records are sent again, so some may arrive twice: with RFC 5424 ' +
      'they carry their `event.id` in the structured data `spillway@…`. Over UDP nothing tells what was lost.',
    'Whatever a record holds, the receiver sees exactly one message: header fields are reduced to printable ASCII, structured data is ' +
      'escaped, and so are line ends where they would end the message.',
    'A message that is too long ends in `[cut, N bytes]`, and has `cut="N"` in its structured data, N being its full length. With ' +
      '`body: json` what is cut is no JSON any more.',
  ],
  options,
  acknowledgement: () => 'none',
  addresses: addressesOf,
  create: createOutput,
});

function addressesOf(o: { readonly url: string | string[] }): string[] {
  return typeof o.url === 'string' ? [o.url] : o.url;
}

function createOutput(o: Options, context: OutputContext, address: string | undefined): Output {
  const parsed = parseEndpointUrl(address ?? '', PORTS);
  if (typeof parsed === 'string') throw new RelayError('CONFIG_INVALID', parsed);
  const isDatagram = parsed.scheme === 'udp';
  const encoder = new MessageEncoder(
    {
      format: o.format,
      body: o.body,
      enterpriseId: o.enterprise_id,
      escapes: o.escape_controls ?? (isDatagram || o.framing === 'lf'),
      messageBytesMax: isDatagram ? o.datagram_bytes_max : o.message_bytes_max,
    },
    context,
  );
  const limits = { recordsMax: o.records_max, bytesMax: o.bytes_max, inFlightMax: 1 };
  return isDatagram
    ? new DatagramOutput({ address: parsed, encoder, limits, context })
    : createStream(o, context, parsed, encoder);
}

function createStream(o: Options, context: OutputContext, address: EndpointAddress, encoder: MessageEncoder): Output {
  const tls = address.scheme === 'tls' ? (o.tls ?? tlsClientOption.parse({})) : undefined;
  // They are read again for each connection; a configuration that names a file that is not there must not start.
  if (tls !== undefined) loadTlsClient(tls, address.host);
  return new StreamOutput({
    address,
    tls,
    encoder,
    framing: o.framing,
    limits: { recordsMax: o.records_max, bytesMax: o.bytes_max, inFlightMax: 4 },
    connectTimeoutMs: o.connect_timeout_ms,
    writeStallTimeoutMs: o.write_stall_timeout_ms,
    context,
  });
}
