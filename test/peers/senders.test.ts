import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Certificates } from '../support/certificates.ts';
import { findOnPath, findOrUnpack, type Installed } from '../support/foreign-programs.ts';
import { RelayHarness } from '../support/relay-harness.ts';

// What others send, by the programs that are in use for it, to a whole relay.

const logger = findOnPath('logger') ?? 'there is no logger here';
const loggen = findOrUnpack('syslog-ng-core', 'loggen');
const rsyslog = findOrUnpack('rsyslog', 'rsyslogd');

/** The name of a test tells why it is skipped. */
const unless = (program: Installed | string): { skip: boolean; why: string } =>
  typeof program === 'string' && !program.startsWith('/')
    ? { skip: true, why: ` (skipped: ${program})` }
    : { skip: false, why: '' };

let relay: RelayHarness;
let certificates: Certificates;

beforeAll(async () => {
  certificates = new Certificates();
  const tls = { cert_file: certificates.server.cert, key_file: certificates.server.key };
  relay = await RelayHarness.start({
    inputs: {
      tcp: { type: 'syslog', listen: 'tcp://127.0.0.1:0' },
      udp: { type: 'syslog', listen: 'udp://127.0.0.1:0' },
      tls: { type: 'syslog', listen: 'tls://127.0.0.1:0', tls },
    },
    endpoints: { e: { type: 'memory' } },
  });
});

afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  certificates[Symbol.dispose]();
});

interface Sent {
  readonly message: string;
  readonly host?: { readonly name: string };
  readonly log: { readonly level: string; readonly syslog: { readonly appname?: string; readonly msgid?: string } };
  readonly spillway: { readonly format: string; readonly flags?: readonly string[] };
}

/** The records whose text matches, once there are so many. */
async function arrived(pattern: RegExp, count: number): Promise<Sent[]> {
  const found = (): Sent[] =>
    relay.memory
      .at('e')
      .lines.map((line) => JSON.parse(line) as Sent)
      .filter(({ message }) => pattern.test(message));
  await expect.poll(() => found().length, { timeout: 10_000 }).toBe(count);
  return found();
}

async function run(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code, `${file} ${args.join(' ')}`).toBe(0);
}

test.skipIf(unless(logger).skip).each([
  { to: 'tcp', args: ['--tcp', '--rfc5424'], format: 'rfc5424' },
  { to: 'tcp', args: ['--tcp', '--rfc5424', '--octet-count'], format: 'rfc5424' },
  { to: 'tcp', args: ['--tcp', '--rfc3164'], format: 'rfc3164' },
  { to: 'udp', args: ['--udp', '--rfc5424'], format: 'rfc5424' },
  { to: 'udp', args: ['--udp', '--rfc3164'], format: 'rfc3164' },
])(`logger of util-linux: $to $args${unless(logger).why}`, async ({ to, args, format }) => {
  const text = `by logger ${args.join(' ')} – ünïcode ] "quoted"`;
  const where = ['--server', '127.0.0.1', '--port', String(relay.port(to))];
  await run(logger, [...where, ...args, '--priority', 'auth.crit', '--tag', 'tagged', text]);

  const [record] = await arrived(new RegExp(`^by logger ${args.join(' ')} `), 1);
  expect(record).toMatchObject({
    message: text,
    log: { level: 'crit', syslog: { appname: 'tagged', facility: { name: 'auth' } } },
    spillway: { format },
  });
  expect(record?.spillway.flags).toBeUndefined();
});

const COUNT = 500;
test.skipIf(unless(loggen).skip).each([
  { to: 'tcp', args: ['--stream', '--inet'], format: 'rfc3339' },
  { to: 'tcp', args: ['--stream', '--inet', '--syslog-proto'], format: 'rfc5424' },
  { to: 'udp', args: ['--dgram', '--inet', '--syslog-proto', '--no-framing'], format: 'rfc5424' },
  // It closes without having read anything, and with messages that have not left yet.
  { to: 'tls', args: ['--use-ssl', '--syslog-proto'], format: 'rfc5424' },
])(`loggen of syslog-ng: $to $args${unless(loggen).why}`, async ({ to, args, format }) => {
  if (typeof loggen === 'string') throw new Error(loggen);
  const before = relay.relay.inputs.get(to)!.counters.records;
  const linesBefore = relay.memory.at('e').lines.length;
  const load = ['--rate', '5000', '--number', String(COUNT), '--active-connections', '1'];
  await run(loggen.file, [...args, ...load, '127.0.0.1', String(relay.port(to))], {
    ...loggen.env,
    SYSLOGNG_PREFIX: join(loggen.root, 'usr'),
  });

  await expect.poll(() => relay.relay.inputs.get(to)!.counters.records, { timeout: 10_000 }).toBe(before + COUNT);
  await expect.poll(() => relay.memory.at('e').lines.length).toBe(linesBefore + COUNT);
  const records = relay.memory
    .at('e')
    .lines.slice(linesBefore)
    .map((line) => JSON.parse(line) as Sent);
  const numbers = records.map(({ message }) => Number(/seq: (\d+)/.exec(message)?.[1]));
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, index) => index));
  for (const record of records) expect(record.spillway.format).toBe(format);
});

test('openssl s_client sends over TLS', async () => {
  const texts = Array.from({ length: COUNT }, (_, index) => `by openssl ${index}`);
  const child = spawn(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${relay.port('tls')}`, '-CAfile', certificates.ca.cert, '-verify_return_error'],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  child.stdin.end(texts.map((text) => `<13>1 - web-1 app - - - ${text}\n`).join(''));
  await once(child, 'close');

  expect((await arrived(/^by openssl /, COUNT)).map(({ message }) => message)).toEqual(texts);
});

test.skipIf(unless(rsyslog).skip).each([
  { to: 'tcp', framing: 'traditional', template: 'RSYSLOG_SyslogProtocol23Format' },
  { to: 'tcp', framing: 'octet-counted', template: 'RSYSLOG_SyslogProtocol23Format' },
  { to: 'tcp', framing: 'octet-counted', template: 'RSYSLOG_ForwardFormat' },
  { to: 'udp', framing: 'traditional', template: 'RSYSLOG_TraditionalForwardFormat' },
])(`rsyslog forwards: $to $framing $template${unless(rsyslog).why}`, async ({ to, framing, template }) => {
  if (typeof rsyslog === 'string') throw new Error(rsyslog);
  const folder = relay.folder;
  const name = `${to}-${framing}-${template}`;
  const text = `by rsyslog ${name}`;
  writeFileSync(join(folder, `${name}.in`), `first ${text}\nsecond ${text}\n`);
  const configuration = join(folder, `${name}.conf`);
  writeFileSync(
    configuration,
    `global(workDirectory="${folder}")
module(load="imfile" mode="polling" pollingInterval="1")
input(type="imfile" file="${join(folder, name)}.in" tag="watched:" severity="warning")
action(type="omfwd" target="127.0.0.1" port="${relay.port(to)}" protocol="${to}" template="${template}"
  ${to === 'tcp' ? `TCP_Framing="${framing}"` : ''})
`,
  );
  const modules = join(rsyslog.root, 'usr/lib/x86_64-linux-gnu/rsyslog');
  const args = ['-n', '-f', configuration, '-i', join(folder, `${name}.pid`), '-M', modules];
  const child = spawn(rsyslog.file, args, { env: { ...process.env, ...rsyslog.env }, stdio: 'ignore' });
  try {
    const records = await arrived(new RegExp(`${text}$`), 2);
    expect(records.map(({ message }) => message)).toEqual([`first ${text}`, `second ${text}`]);
    for (const record of records)
      expect(record.log).toMatchObject({ level: 'warning', syslog: { appname: 'watched' } });
  } finally {
    const gone = once(child, 'close');
    child.kill('SIGTERM');
    await gone;
  }
});
