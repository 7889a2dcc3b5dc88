import { z } from 'zod';
import { retentionOptions } from '../retention/options.ts';
import { alertOptions } from '../alerts/options.ts';
import { tlsServerOption } from '../component/options.ts';
import { DATA_FOLDER_DEFAULT } from './data-folder.ts';
import { matchOption } from './match.ts';
import type { Registry } from './registry.ts';
import { runsOptions } from './runs-options.ts';
import { sizeOption } from './size.ts';

/** What an operator may call an input or an endpoint: it stands in metrics, in paths of the API and on command lines. */
const componentName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'a name has letters, digits, "_" and "-", 63 at most, and begins with a letter or a digit',
  );

/** The options that every endpoint has beside those of its output. Delivery reads them; the output does not see them. */
export const deliveryOptions = z.strictObject({
  match: matchOption,
  paused: z.boolean().default(false).describe('`true` keeps records for this endpoint without sending any.'),
  retire: z
    .enum(['drain', 'discard'])
    .optional()
    .describe(
      'To take an endpoint out: `drain` delivers what it is owed up to now and no more; `discard` gives that up at once. Then its ' +
        'lines may be removed.',
    ),
  start_at: z
    .enum(['first', 'end'])
    .default('first')
    .describe(
      'Where an endpoint that is new begins: at the `first` record in the journal, or at its `end`, with what comes next.',
    ),
  backoff_min_ms: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(250)
    .describe('How long to wait after a first failure. Doubles with each further one, with jitter.'),
  backoff_max_ms: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(30_000)
    .describe('The longest wait between two tries. Tries go on for ever.'),
  down_after_ms: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(10_000)
    .describe('How long an endpoint must have failed before it is called down.'),
  reminder_interval_ms: z
    .int()
    .min(1_000)
    .max(604_800_000)
    .default(1_800_000)
    .describe('How often the log repeats that an endpoint is still down.'),
  drain: z
    .enum(['interleave', 'in_order'])
    .default('interleave')
    .describe(
      'How a backlog is worked off. `interleave`: it goes first, but where it takes longer than 30 s, new records are sent beside it, ' +
        'in turns. `in_order`: nothing new is sent before all that is older.',
    ),
  drain_records_per_s_max: z
    .int()
    .min(0)
    .default(0)
    .describe('The most records a second that are sent while a backlog is worked off. 0 sets no limit.'),
  resend_records: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1_000)
    .describe(
      'Where the protocol has no acknowledgement: how many of the last records are sent again after a reconnect.',
    ),
  dead_letters_max: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(100_000)
    .describe('The most dead letters that are kept. At this limit delivery to the endpoint waits for an operator.'),
});

export type DeliveryOptions = z.output<typeof deliveryOptions>;

const journalOptions = z
  .strictObject({
    max_bytes: sizeOption({ bytesMin: 0, fallback: '20GiB' }).describe(
      'The most that the journal may take on the disk. 0 sets no limit but `min_free_bytes`.',
    ),
    min_free_bytes: sizeOption({ bytesMin: 0, fallback: '1GiB' }).describe(
      'Free space on the disk below which the journal takes no more.',
    ),
    when_full: z
      .enum(['block', 'drop_oldest'])
      .default('block')
      .describe(
        '`block` makes senders wait; `drop_oldest` loses the oldest records, counts them and says so in the stream.',
      ),
    sync: z
      .enum(['full', 'normal'])
      .default('full')
      .describe(
        '`full`: what was acknowledged survives a power cut. `normal` breaks that promise: a power cut may lose the last ' +
          'records, a crash of the relay alone may not.',
      ),
    max_commit_delay_ms: z
      .int()
      .min(0)
      .max(1_000)
      .default(2)
      .describe(
        'The longest that records wait for others to be committed with them, while many come in. A lone record never waits.',
      ),
    max_batch_bytes: sizeOption({ bytesMin: 64 * 1024, bytesMax: 16 * 1024 ** 2, fallback: '512KiB' }).describe(
      'The size at which a batch is committed without waiting for more.',
    ),
    max_in_flight_bytes: sizeOption({ bytesMin: 1024 ** 2, bytesMax: 1024 ** 3, fallback: '16MiB' }).describe(
      'The most that may wait in memory to be committed. At this limit senders wait; those that get no answer (syslog) wait at 8 MiB, ' +
        'for what waits is lost to them if the process is killed.',
    ),
    compression_level: z
      .int()
      .min(1)
      .max(19)
      .default(1)
      .describe('Compression of batches by zstd: 1 is fast, 19 small.'),
    search_index_max_bytes: sizeOption({ bytesMin: 1024 ** 2, fallback: '1GiB' }).describe(
      'The most that the index of searches may take on the disk, beside `max_bytes`. At this limit the oldest records leave the index: ' +
        'searches among them take longer, and find the same.',
    ),
    receipts_window_ms: z
      .int()
      .min(0)
      .max(86_400_000)
      .default(3_600_000)
      .describe('How long a request is remembered, so that its repeat is not stored twice.'),
  })
  .prefault({})
  .describe('Where records are kept until every endpoint has them.');

export type JournalOptions = z.output<typeof journalOptions>;

const adminOptions = z
  .strictObject({
    listen: z
      .string()
      .superRefine((text, context) => {
        const parsed = parseHostPort(text);
        if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
      })
      .default('127.0.0.1:8686')
      .describe('Address of the console, the API, the metrics and the health pages: `host:port`.')
      .meta({ examples: ['127.0.0.1:8686', '[::1]:8686'] }),
    hosts: z
      .array(z.string().regex(/^[A-Za-z0-9.-]{1,253}$/, 'a host name such as "relay.corp", without port'))
      .max(100)
      .default([])
      .describe(
        'Names by which people reach the console, beside `localhost` and addresses. A request to another name is ' +
          'refused, so that no web site can pose as the console.',
      ),
    tls: tlsServerOption
      .optional()
      .describe('Certificate and key, to serve the console and the API by HTTPS. Needed where others can listen.')
      .meta({ examples: [{ cert_file: './tls/relay.pem', key_file: './tls/relay.key' }] }),
  })
  .prefault({})
  .describe('The console and the API.');

export type AdminOptions = z.output<typeof adminOptions>;

const storeOption = z
  .union([
    z.boolean(),
    z.record(
      z
        .string()
        .regex(
          /^[a-z0-9_][a-z0-9_.-]{0,99}$/,
          'a dataset is written in lower-case letters, digits, "_", "." and "-", such as "harbor.audit"',
        ),
      z.boolean(),
    ),
  ])
  .default(true)
  .describe(
    'Whether records stay in the journal once every endpoint has them: `false` for none, or `false` for single datasets.',
  )
  .meta({
    expects: 'true, false, or a mapping of datasets to true or false',
    examples: [false, { 'harbor.audit': false }],
  });

export type StoreOption = z.output<typeof storeOption>;

const logOptions = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('The least severe messages to print: `warn` means nothing is lost, `error` that a person is needed.'),
  })
  .prefault({})
  .describe('The relay’s own log, on standard output.');

export type LogOptions = z.output<typeof logOptions>;

/** The schema of a whole config file, over the components of `registry`. */
export function configSchema(registry: Registry) {
  const inputs = registry.inputs.map(({ type, summary, options }) =>
    options.safeExtend({ type: z.literal(type).describe(summary) }),
  );
  const outputs = registry.outputs.map(({ type, summary, options }) => {
    const taken = Object.keys(options.shape).filter((key) => Object.hasOwn(deliveryOptions.shape, key));
    if (taken.length > 0) throw new Error(`output ${type} uses option names of every endpoint: ${taken.join(', ')}`);
    return options.safeExtend({ type: z.literal(type).describe(summary), ...deliveryOptions.shape });
  });
  return z.strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, 'the name has letters, digits, ".", "_" and "-", 100 at most')
      .default('spillway')
      .describe('What this relay calls itself towards endpoints and in the console.'),
    data_dir: z
      .string()
      .min(1)
      .default(DATA_FOLDER_DEFAULT)
      .describe('Folder of the journal and the tokens. Relative to the folder of this file.'),
    inputs: z.record(componentName, ofType(inputs)).default({}).describe('Where records come from, by name.'),
    endpoints: z.record(componentName, ofType(outputs)).default({}).describe('Where records go, by name.'),
    journal: journalOptions,
    store: storeOption,
    retention: retentionOptions,
    redact: registry.filters.redact.options,
    runs: runsOptions,
    admin: adminOptions,
    alerts: alertOptions,
    log: logOptions,
  });
}

/** `host:port`; a string says what is wrong with it. An IPv6 host stands in brackets. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d{1,5})$/.exec(text);
  if (match === null) return `${JSON.stringify(text)} is not host:port; write it like "127.0.0.1:8686"`;
  const [, host = '', port = ''] = match;
  if (Number(port) > 65_535) return `port ${port} is above 65535; write one from 0 to 65535`;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

type TypedObject = z.ZodObject<{ type: z.ZodLiteral<string> }>;

/** A component's options, told apart by `type`. */
function ofType(components: readonly z.ZodObject[]) {
  // Each carries the `type` that was put in above; the compiler cannot see it through the generic shape.
  const typed = components as unknown as [TypedObject, ...TypedObject[]];
  return z.discriminatedUnion('type', typed);
}
