import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMulti } from '@msgpack/msgpack';
import { expect, test } from 'vitest';
import { forward } from '../../relay/inputs/forward/index.ts';
import type { Random } from '../../relay/io/random.ts';
import { ForwardClient } from '../support/forward-client.ts';
import { InputHarness, type ParsedRecord } from '../support/input-harness.ts';

/**
 * Recordings of a real Fluent Bit 5.1.1: what it sent, and what a server answered that it was content with. The captured server drew this
 * nonce and this salt, so the input under test is made to draw them too.
 */
const folder = join(import.meta.dirname, '../vectors/fluent-bit');
const nonce = Buffer.from('0123456789abcdef', 'base64');
const authSalt = Buffer.from('SALTsaltSALTsalt', 'base64');

interface Capture {
  readonly connections: ReadonlyArray<{ readonly sent: Buffer; readonly answers: readonly unknown[] }>;
}

function load(name: string): Capture {
  const meta = JSON.parse(readFileSync(join(folder, name, 'meta.json'), 'utf8')) as {
    connections: Array<{ c2s: string; s2c?: string }>;
  };
  return {
    connections: meta.connections.map(({ c2s, s2c }) => ({
      sent: readFileSync(join(folder, name, c2s)),
      answers: s2c === undefined ? [] : [...decodeMulti(readFileSync(join(folder, name, s2c)))],
    })),
  };
}

/** What Fluent Bit makes of a file: the lines that end in LF, without a CR before it. One character for each byte. */
function linesOf(fixture: string): string[] {
  const bytes = readFileSync(join(folder, 'fixture', fixture));
  const lines: string[] = [];
  for (let start = 0; ;) {
    const lf = bytes.indexOf(0x0a, start);
    if (lf < 0) return lines;
    lines.push(bytes.toString('latin1', start, bytes[lf - 1] === 0x0d ? lf - 1 : lf));
    start = lf + 1;
  }
}

/** The bytes of a record's line, as whoever reads the relay's output can have them back. */
function bytesOf(record: ParsedRecord): string {
  const base64 = record['spillway'].original_base64 as string | undefined;
  const bytes = base64 === undefined ? Buffer.from(record['message'] as string) : Buffer.from(base64, 'base64');
  return bytes.toString('latin1');
}

function randomWith(...draws: Buffer[]): Random {
  return { fraction: () => 0, bytes: (count) => draws.shift() ?? Buffer.alloc(count) };
}

function start(options: Record<string, unknown>, random = randomWith(nonce, authSalt)): Promise<InputHarness> {
  const withRandom: typeof forward = {
    ...forward,
    create: (given, context) => forward.create(given, { ...context, random }),
  };
  return InputHarness.start(withRandom, { listen: 'tcp://127.0.0.1:0', server_name: 'relay.test', ...options });
}

const withKey = { shared_key: 's3cr3t-key' };
const withUser = { ...withKey, users: [{ name: 'relay', password: 'pw1' }] };

test.each([
  ['forward-ack', {}, 'records.log'],
  ['forward-dyntag-ack', {}, 'records.log'],
  ['forward-fluentd_compat-ack', {}, 'records.log'],
  ['forward-gzip', {}, 'records.log'],
  ['forward-gzip-ack', {}, 'records.log'],
  ['forward-no_metadata-ack', {}, 'records.log'],
  ['forward-plain', {}, 'records.log'],
  ['forward-send_options', {}, 'records.log'],
  ['forward-shared_key', withKey, 'records.log'],
  ['forward-shared_key-ack', withKey, 'records.log'],
  ['forward-shared_key-user-ack', withUser, 'records.log'],
  ['forward-time_as_integer', {}, 'records.log'],
  ['forward-time_as_integer-ack', {}, 'records.log'],
  ['page-forward-ack', {}, 'page-bom-crlf.log'],
])(
  '%s: every line is stored byte for byte, and the answers are those it was content with',
  async (name, options, fixture) => {
    const { sent, answers } = load(name).connections[0]!;
    await using input = await start(options);
    await using client = await ForwardClient.connect(input.port);

    client.sendBytes(sent);

    const lines = linesOf(fixture);
    await expect.poll(() => input.lines.length).toBe(lines.length);
    expect(input.records.map(bytesOf)).toEqual(lines);
    expect(await client.answered(answers.length)).toEqual(answers);
    expect(input.refusals).toEqual({});
  },
);

test('places in the file, the path and the time to the nanosecond are kept', async () => {
  const { sent } = load('forward-dyntag-ack').connections[0]!;
  await using input = await start({});
  await using client = await ForwardClient.connect(input.port);

  client.sendBytes(sent);

  await expect.poll(() => input.lines.length).toBe(7);
  expect(input.records[3]).toMatchObject({
    '@timestamp': '2026-11-22T03:11:44.012864425Z',
    event: { dataset: 'fluent' },
    log: { file: { path: '/home/runner/_diag/pages/records.log' }, offset: 222 },
    spillway: { tag: 'gha./home/runner/_diag/pages/records.log' },
  });
  expect(input.records.map((record) => record['log'].offset as number)).toEqual([
    0, 50, 146, 222, 41_183, 41_245, 41_246,
  ]);
});

test('a chunk whose ack got lost, and that is sent again, is stored once and acknowledged again', async () => {
  const [first, again] = load('forward-ack-missing-then-ok').connections;
  await using input = await start({});

  for (const { sent } of [first!, again!]) {
    await using client = await ForwardClient.connect(input.port);
    client.sendBytes(sent);
    expect(await client.answered(1)).toEqual(again!.answers);
  }

  expect(input.records.map(bytesOf)).toEqual(linesOf('page-bom-crlf.log'));
  expect(input.context.counters.repeats).toBe(1);
});

test.each(['forward-bad-shared-key', 'forward-bad-shared-key-close'])(
  '%s: a sender without the key is told so and cut off, and nothing it sends is stored',
  async (name) => {
    const { connections } = load(name);
    const draws = connections.map(() => nonce);
    await using input = await start({ shared_key: 'another-key' }, randomWith(...draws));

    for (const { sent, answers } of connections) {
      await using client = await ForwardClient.connect(input.port);
      client.sendBytes(sent);
      await client.untilClosed();
      expect(client.answers[0]).toEqual(answers[0]);
      // Where records follow at once, the connection may be gone before its refusal was read.
      if (client.answers.length > 1)
        expect(client.answers[1]).toEqual(['PONG', false, 'authentication failed', 'relay.test', '']);
    }

    expect(input.lines).toEqual([]);
    expect(input.refusals).toEqual({ unauthorized: connections.length });
  },
);
