import { z } from 'zod';
import { tlsClientOption } from '../../component/options.ts';
import { defineOutput, type OutputContext } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { parseEndpointUrl } from '../../io/endpoint-url.ts';
import { loadTlsClient, readSecretFile } from '../../io/tls-files.ts';
import type { EventForm } from '../../wire/loginsight.ts';
import {
  anonymous,
  exchangeSecret,
  login,
  readSecret,
  TokenCredentials,
  tokenHeaders,
  type Credentials,
} from './credentials.ts';
import { HttpClient } from '../../io/http-client.ts';
import { LogInsightOutput } from './output.ts';
import { SecretFile } from './secret-file.ts';

const PORTS = { https: 9_543, http: 9_000 };
/** The largest request of VCF 9.1; older servers take 4 MB. */
const REQUEST_BYTES_MAX_9 = 1_000_000;

const url = z.string().superRefine((text, context) => {
  const parsed = parseEndpointUrl(text, PORTS);
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
});

const options = z
  .strictObject({
    url: z
      .union([url, z.array(url).min(1).max(16)])
      .describe('Server, or several to try in turn. The port is 9543 for https and 9000 for http where it is left out.')
      .meta({ examples: ['https://loginsight.example:9543'] }),
    api: z
      .enum(['v1', 'v2', 'v2_events', 'v9'])
      .default('v2')
      .describe(
        '`v1` and `v2`: the ingestion API of Log Insight 4 to Aria Operations for Logs 8.18 and VCF 9.0. `v2_events`: the same servers’ ' +
          '`/api/v2/events`. `v9`: Log Management of VCF 9.1.',
      ),
    username: z.string().optional().describe('Logs in as this user. Without a login the server re-stamps old events.'),
    password_file: z.string().optional().describe('File whose first line is the password; read at each login.'),
    provider: z.string().default('Local').describe('Who knows the user: `Local`, `ActiveDirectory` or `vIDM`.'),
    token_file: z
      .string()
      .optional()
      .describe('`v9`: file whose first line is a token; read again when it is refused.'),
    agent_secret_file: z
      .string()
      .optional()
      .describe(
        '`v9`: file whose first line is an agent’s secret. Each use makes a new one, so the relay must be able to write the file and ' +
          'its folder, and nobody else may use the secret.',
      ),
    token_ttl_ms: z
      .int()
      .min(60_000)
      .max(15_552_000_000)
      .default(1_800_000)
      .describe('How long a token got for the agent’s secret is to live.'),
    token_header: z
      .enum(['X-JWT-Token', 'Authorization'])
      .default('X-JWT-Token')
      .describe('`v9`: the header that carries the token.'),
    tls: tlsClientOption.optional().describe('How to check the server’s certificate.'),
    gzip: z.boolean().default(true).describe('Compresses requests; turned off by itself where the server takes none.'),
    records_max: z.int().min(1).max(5_000).default(500).describe('Events in one request.'),
    request_bytes_max: z
      .int()
      .min(500_000)
      .max(4_000_000)
      .default(1_000_000)
      .describe('JSON in one request, before it is compressed.'),
    in_flight_max: z.int().min(1).max(8).default(2).describe('Requests under way at once.'),
    timeout_ms: z.int().min(100).max(600_000).default(30_000).describe('How long one request may take.'),
    connect_timeout_ms: z.int().min(100).max(120_000).default(10_000).describe('How long connecting may take.'),
    connection_age_max_ms: z
      .int()
      .min(1_000)
      .default(300_000)
      .describe('Connections are opened anew after this long, so that a load balancer can spread them.'),
  })
  .refine((o) => (o.username === undefined) === (o.password_file === undefined), {
    message: 'username and password_file go together',
    path: ['password_file'],
  })
  .refine((o) => [o.username, o.token_file, o.agent_secret_file].filter((given) => given !== undefined).length <= 1, {
    message: 'choose one of username, token_file and agent_secret_file',
    path: ['username'],
  })
  .refine((o) => o.api === 'v9' || (o.token_file === undefined && o.agent_secret_file === undefined), {
    message: 'token_file and agent_secret_file need api: v9',
    path: ['api'],
  })
  .refine((o) => o.api !== 'v9' || o.request_bytes_max <= REQUEST_BYTES_MAX_9, {
    message: `the server of api: v9 takes ${REQUEST_BYTES_MAX_9} bytes at most`,
    path: ['request_bytes_max'],
  });

type Options = z.output<typeof options>;

const FORMS: Readonly<Record<Options['api'], EventForm>> = {
  v1: 'list',
  v2: 'list',
  v2_events: 'flat',
  v9: 'object',
};

export const logInsight = defineOutput({
  type: 'loginsight',
  stability: 'stable',
  summary:
    'Sends records to VMware Log Insight (Aria Operations for Logs, VCF Operations for Logs) by its ingestion API.',
  notes: [
    'Acknowledged by status 200. There is no key for repeats: after an unclear outcome the same event can arrive twice, with the same ' +
      '`event_id` field.',
    'Without a login the server gives events that are more than ten minutes off the time of their arrival, and so after an outage. ' +
      'The original time is always in the field `log_time`. Log in to keep it as the event’s own.',
    `A text or field of more than 16,384 bytes is split: the parts share \`event_id\` and are numbered by \`part\` of \`parts\`.`,
    'Fields are named by their path in the record, such as `github_run_id`; Log Insight’s own names are used for `hostname`, `appname`, ' +
      '`procid`, `msgid`, `priority`, `facility`, `severity` and `filepath`. Names that the server keeps for itself get `log_` in front.',
    'Written after the vendor’s documents and tested against a stand-in made from them; api v9 has not met a real server.',
  ],
  options,
  acknowledgement: () => 'endpoint',
  addresses: (o) => (typeof o.url === 'string' ? [o.url] : o.url),
  create: createOutput,
});

function createOutput(o: Options, context: OutputContext, address: string | undefined): LogInsightOutput {
  const parsed = parseEndpointUrl(address ?? '', PORTS);
  if (typeof parsed === 'string') throw new RelayError('CONFIG_INVALID', parsed);
  const base = parsed.path.replace(/\/+$/, '');
  const tls = parsed.scheme === 'https' ? (o.tls ?? tlsClientOption.parse({})) : undefined;
  // All of these are read again when they are used; a configuration that names a file that is not there must not start.
  if (tls !== undefined) loadTlsClient(tls, parsed.host);
  for (const file of [o.password_file, o.token_file, o.agent_secret_file]) if (file !== undefined) readSecretFile(file);
  const version = o.api === 'v1' ? 'v1' : 'v2';
  const client = new HttpClient({
    address: parsed,
    tls,
    clock: context.clock,
    connectionsMax: o.in_flight_max,
    connectTimeoutMs: o.connect_timeout_ms,
    timeoutMs: o.timeout_ms,
    connectionAgeMaxMs: o.connection_age_max_ms,
  });
  const settings = {
    form: FORMS[o.api],
    nameCharsMax: o.api === 'v9' ? 64 : 255,
    ingestPath:
      FORMS[o.api] === 'list' ? `${base}/api/${version}/events/ingest/${context.relayId}` : `${base}/api/v2/events`,
    versionPath: `${base}/api/${version}/version`,
    recordsMax: o.records_max,
    requestBytesMax: o.request_bytes_max,
    inFlightMax: o.in_flight_max,
    gzip: o.gzip,
  };
  return new LogInsightOutput(settings, context, client, credentialsFor(o, context, client, `${base}/api/${version}`));
}

function credentialsFor(o: Options, context: OutputContext, client: HttpClient, api: string): Credentials {
  const { clock } = context;
  if (o.username !== undefined && o.password_file !== undefined) {
    const { username, password_file: passwordFile, provider } = o;
    const settings = { path: `${api}/sessions`, username, passwordFile, provider };
    return new TokenCredentials(clock, (signal) => login(client, settings, clock.nowMs(), signal));
  }
  if (o.agent_secret_file !== undefined) {
    const settings = {
      path: `${api}/agent/secrets/exchange`,
      secretFile: new SecretFile(o.agent_secret_file),
      lifetimeMs: o.token_ttl_ms,
      header: o.token_header,
    };
    return new TokenCredentials(clock, (signal) => exchangeSecret(client, settings, clock.nowMs(), signal));
  }
  const file = o.token_file;
  if (file === undefined) return anonymous;
  return new TokenCredentials(clock, () => {
    const headers = tokenHeaders(readSecret(file), o.token_header);
    return Promise.resolve({ headers, lifetimeMs: Number.POSITIVE_INFINITY });
  });
}
