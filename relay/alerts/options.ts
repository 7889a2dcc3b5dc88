import { z } from 'zod';
import { tlsClientOption } from '../component/options.ts';
import { parseEndpointUrl } from '../io/endpoint-url.ts';

/** What the relay warns of. A closed set: it labels a metric, and people filter by it. */
export const alertKinds = [
  'endpoint_down',
  'dead_letters',
  'quota_near',
  'journal_full',
  'journal_damaged',
  'udp_loss',
  'input_silent',
  'source_silent',
  'run_incomplete',
  'purge_failed',
  'certificate_ending',
] as const;

export type AlertKind = (typeof alertKinds)[number];

/** The `alerts:` part of the config. */
export const alertOptions = z
  .strictObject({
    off: z.array(z.enum(alertKinds)).max(alertKinds.length).default([]).describe('Kinds of alerts that nobody wants.'),
    reminder_interval_ms: z
      .int()
      .min(60_000)
      .max(604_800_000)
      .default(1_800_000)
      .describe('How often an alert that goes on is told again.'),
    quota_percent: z
      .int()
      .min(1)
      .max(100)
      .default(80)
      .describe('How full the journal may be, of `journal.max_bytes` or of the disk, before it is an alert.'),
    input_silence_ms: z
      .int()
      .min(0)
      .max(2_592_000_000)
      .default(0)
      .describe('How long an input that has received records may receive none. 0 is for ever.'),
    certificate_days: z
      .int()
      .min(0)
      .max(3_650)
      .default(30)
      .describe('How many days before the end of a certificate that the config names it is an alert. 0 is never.'),
    webhook: z
      .strictObject({
        url: z
          .string()
          .superRefine((text, context) => {
            const parsed = parseEndpointUrl(text, { http: 80, https: 443 });
            if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
          })
          .describe('Where each alert is posted as JSON: `http://` or `https://`.')
          .meta({ examples: ['https://hooks.corp/spillway'] }),
        token_file: z.string().optional().describe('File whose first line is sent as `Authorization: Bearer …`.'),
        tls: tlsClientOption.optional().describe('How the server is checked, and how we prove who we are.'),
        timeout_ms: z.int().min(100).max(120_000).default(10_000).describe('How long one try may take.'),
      })
      .optional()
      .describe('Posts alerts to a server of yours.')
      .meta({ examples: [{ url: 'https://hooks.corp/spillway' }] }),
    syslog_url: z
      .string()
      .superRefine((text, context) => {
        const parsed = parseEndpointUrl(text, { udp: 514, tcp: 514, tls: 6_514 });
        if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
      })
      .optional()
      .describe('Sends alerts as syslog messages, past all endpoints: `udp://`, `tcp://` or `tls://`.')
      .meta({ examples: ['udp://pager.corp'] }),
  })
  .prefault({})
  .describe(
    'What the relay warns of. Each alert is told once when it begins, again while it goes on, and when it ends: in the log, as a metric, in ' +
      'the console, as a record of the dataset `spillway.alert` to the endpoints, and by webhook and syslog where they are set.',
  );

export type AlertOptions = z.output<typeof alertOptions>;
