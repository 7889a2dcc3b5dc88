import { z } from 'zod';
import { datasetOption, listenOption, tlsServerOption } from '../../component/options.ts';

const MIB = 1_048_576;

const secretName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^:\p{Cc}]*$/u, 'a name has no colon and no control character');

const authOption = z
  .strictObject({
    users: z
      .array(
        z.strictObject({
          name: secretName.describe('User name.'),
          password_file: z.string().describe('File whose first line is the password.'),
        }),
      )
      .default([])
      .describe('Who may send with HTTP Basic authentication.'),
    tokens: z
      .array(
        z.strictObject({
          name: secretName.describe('What the token is called in this relay.'),
          token_file: z.string().describe('File whose first line is the token.'),
        }),
      )
      .default([])
      .describe('Tokens that may send, as `Authorization: Bearer …`.'),
  })
  .refine((auth) => auth.users.length + auth.tokens.length > 0, 'name at least one user or token, or leave `auth` out');

export const options = z.strictObject({
  listen: listenOption(['http', 'https'], 'http://0.0.0.0:9880'),
  tls: tlsServerOption.optional().describe('Certificate and key. Needed for `https://`.'),
  auth: authOption.optional().describe('Who may send. Without it everybody may.'),
  dataset: datasetOption('generic'),
  tag_header: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'a header’s name has letters, digits and "-"')
    .default('X-Tag')
    .describe('Header that carries the sender’s tag: what Fluent Bit’s `header_tag` names.'),
  repeats: z
    .enum(['fluent_bit', 'all', 'none'])
    .default('fluent_bit')
    .describe(
      'Whose body, sent again byte for byte, is taken for a repeat and not stored again: that of Fluent Bit, which has a time in each ' +
        'record; that of all, also where the same text twice may be meant; or nobody’s. An `Idempotency-Key` header always counts.',
    ),
  keep_original: z.boolean().default(false).describe('Keep each record as it came, beside its fields.'),
  body_bytes_max: z
    .int()
    .min(1_024)
    .max(1_024 * MIB)
    .default(16 * MIB)
    .describe('The largest body, as it is sent. A larger one is refused with 413.'),
  decompressed_bytes_max: z
    .int()
    .min(1_024)
    .max(1_024 * MIB)
    .default(64 * MIB)
    .describe('The largest body once it is decompressed. A larger one is refused with 413.'),
  record_bytes_max: z
    .int()
    .min(1_024)
    .max(16 * MIB)
    .default(MIB)
    .describe('A larger record is split into several, each flagged `split`.'),
  buffered_bytes_max: z
    .int()
    .min(1_024)
    .default(128 * MIB)
    .describe('Bodies held in memory, in all. Beyond it requests are answered 503.'),
  requests_in_flight_max: z
    .int()
    .min(1)
    .default(256)
    .describe('Requests that are there and wait for the journal. Beyond it requests are answered 503.'),
  connections_max: z
    .int()
    .min(1)
    .default(4_096)
    .describe('Open connections. Beyond it the one that has been idle longest is closed.'),
  header_timeout_ms: z.int().min(100).default(10_000).describe('How long the header of a request may take to arrive.'),
  request_timeout_ms: z.int().min(100).default(60_000).describe('How long a whole request may take to arrive.'),
  keep_alive_timeout_ms: z.int().min(0).default(75_000).describe('How long an idle connection is kept open.'),
  answer_timeout_ms: z
    .int()
    .min(100)
    .default(50_000)
    .describe('How long a sender waits for the journal before it is answered 503. Fluent Bit gives up after 60 s.'),
  retry_after_s: z.int().min(1).max(3_600).default(5).describe('What 503 answers say in `Retry-After`, in seconds.'),
  stop_timeout_ms: z
    .int()
    .min(0)
    .default(10_000)
    .describe('How long requests under way may take when the relay stops.'),
});

export type HttpOptions = z.output<typeof options>;
