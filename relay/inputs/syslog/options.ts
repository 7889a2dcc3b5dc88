import { z } from 'zod';
import { datasetOption, listenOption, tlsServerOption } from '../../component/options.ts';
import { zoneOffset } from './local-time.ts';

const harbor = z
  .strictObject({
    detect: z
      .enum(['by_program', 'always', 'never'])
      .default('by_program')
      .describe(
        'Which lines may be Harbor’s audit lines: those of the program `audit`, those of `always` any (where a syslog daemon changed the name), ' +
          'or `never` any. All else stays as it is.',
      ),
    silence_warning_ms: z
      .int()
      .min(0)
      .max(2_592_000_000)
      .default(86_400_000)
      .describe('A Harbor that has spoken and then says nothing for this long is warned of; 0 never warns.'),
    skew_ms: z
      .int()
      .min(1_000)
      .max(31_536_000_000)
      .default(300_000)
      .describe('A record whose event is further than this from its arrival is flagged `time_skewed`.'),
  })
  .prefault({})
  .describe('Harbor’s audit log, which is recognised among other lines: docs/harbor.md.');

export type HarborOptions = z.output<typeof harbor>;

const fields = z.strictObject({
  listen: listenOption(['tcp', 'tls', 'udp'], 'tcp://0.0.0.0:5514'),
  tls: tlsServerOption.optional().describe('Certificate and key; needed for `tls://`.'),
  dataset: datasetOption('syslog'),
  message_bytes_max: z
    .int()
    .min(480)
    .max(16 << 20)
    .default(1 << 20)
    .describe('A longer message is split into several records, all kept and flagged `split`.'),
  keep_original: z
    .boolean()
    .default(false)
    .describe(
      'Keeps each raw line in `event.original`. Without it, only lines whose fields do not give it back have it.',
    ),
  time_zone: z
    .string()
    .refine(
      (zone) => zoneOffset(zone) !== undefined,
      'use "UTC", an offset such as "+02:00", or a name such as "Europe/Berlin"',
    )
    .default('UTC')
    .describe('The zone of times that do not name theirs (RFC 3164): an IANA name or an offset.'),
  connections_max: z
    .int()
    .min(1)
    .default(10_000)
    .describe('At this many, the one idle longest makes room for a new one. tcp and tls only.'),
  connections_per_address_max: z
    .int()
    .min(1)
    .default(5_000)
    .describe('The same for connections from one address. Harbor opens one for each record and never closes it.'),
  idle_timeout_ms: z
    .int()
    .min(0)
    .default(600_000)
    .describe('A connection on which nothing arrives for this long is closed; 0 leaves it open.'),
  frame_timeout_ms: z
    .int()
    .min(100)
    .default(30_000)
    .describe(
      'A message that has begun must end within this time; else what came is kept, flagged `cut`, and the connection closed.',
    ),
  handshake_timeout_ms: z.int().min(100).default(10_000).describe('How long a TLS handshake may take.'),
  receive_buffer_bytes: z
    .int()
    .min(65_536)
    .max(1 << 30)
    .default(4 << 20)
    .describe(
      'The kernel’s buffer for datagrams that wait to be read. udp only; Linux grants up to `net.core.rmem_max`.',
    ),
  receive_threads: z
    .int()
    .min(0)
    .max(8)
    .default(0)
    .describe(
      'Threads that do nothing but empty the kernel’s buffer into memory: for more than 50,000 datagrams a second. Each takes some 12 MB. ' +
        'Of several, which need Node 23.1, the kernel gives each sender to one. With 0 the relay’s main thread reads. udp only.',
    ),
  harbor,
  backlog_bytes_max: z
    .int()
    .min(65_536)
    .max(1 << 30)
    .default(16 << 20)
    .describe('Datagrams held while the journal is busy; what comes beyond it is dropped and counted. udp only.'),
});

export type SyslogOptions = z.output<typeof fields>;

export const options = fields.superRefine((given, context) => {
  const isTls = given.listen.startsWith('tls:');
  if (isTls && given.tls === undefined)
    context.addIssue({
      code: 'custom',
      path: ['tls'],
      message: 'tls:// needs a certificate: set tls.cert_file and tls.key_file',
    });
  if (!isTls && given.tls !== undefined)
    context.addIssue({ code: 'custom', path: ['listen'], message: 'with tls set, listen on tls://' });
});
