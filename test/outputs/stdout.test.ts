import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable, type Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { stdout } from '../../relay/outputs/stdout/index.ts';
import { StdoutOutput } from '../../relay/outputs/stdout/output.ts';
import { delivery, line } from '../support/output-fixture.ts';

const limits = { recordsMax: 1, bytesMax: 1, inFlightMax: 1 };
const never = new AbortController().signal;

/** A stream that keeps what it is given and lets a test decide when a write is done. */
class HeldStream extends Writable {
  readonly chunks: string[] = [];
  done: (error?: Error) => void = () => {};

  constructor(isHeld: boolean) {
    super({
      write: (chunk: Buffer, _encoding, callback) => {
        this.chunks.push(chunk.toString());
        if (isHeld) this.done = callback;
        else callback();
      },
    });
  }
}

test('lines are written as they are stored', async () => {
  const stream = new HeldStream(false);
  const output = new StdoutOutput(limits, () => stream);
  const [a, b] = [line(), line()];

  await output.deliver(delivery(a, b), never);

  expect(stream.chunks).toEqual([a + b]);
});

test('a delivery is done when its write is', async () => {
  const stream = new HeldStream(true);
  const output = new StdoutOutput(limits, () => stream);
  let done = false;

  const delivering = output.deliver(delivery(line()), never).then(() => (done = true));
  await Promise.resolve();
  expect(done).toBe(false);
  stream.done();
  await delivering;

  expect(done).toBe(true);
});

test('after a write that was given up, the next line begins on a line of its own', async () => {
  const streams = [new HeldStream(true), new HeldStream(false)];
  const output = new StdoutOutput(limits, () => streams.shift()!);
  const [, second] = streams;
  const stop = new AbortController();
  const [a, b] = [line(), line()];

  const delivering = output.deliver(delivery(a), stop.signal);
  stop.abort();
  await expect(delivering).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST', disposition: 'retry' });
  await output.deliver(delivery(a, b), never);
  await output.deliver(delivery(b), never);

  expect(second?.chunks).toEqual([`\n${a}${b}`, b]);
});

test('a stream that fails between two deliveries does not end the relay', async () => {
  const streams = [new HeldStream(false), new HeldStream(false)];
  const [first, second] = streams;
  const output = new StdoutOutput(limits, () => streams.shift()!);
  await output.deliver(delivery(line()), never);

  first?.destroy(new Error('EPIPE'));
  await once(first!, 'close').catch(() => {});
  await output.deliver(delivery(line()), never);

  expect(second?.chunks).toHaveLength(1);
});

/** Runs the real output in a process of its own, which delivers so many lines and says on standard error how it went. */
const PROGRAM = `
  import { stdout } from '${new URL('../../relay/outputs/stdout/index.ts', import.meta.url).href}';
  const output = stdout.create(stdout.options.parse({}), undefined, undefined);
  const timer = setInterval(() => process.stderr.write('alive\\n'), 20);
  for (let i = 0; i < 200; i++) {
    const lines = Buffer.from(JSON.stringify({ i, text: 'x'.repeat(10_000) }) + '\\n');
    try {
      await output.deliver({ firstSeq: i, records: 1, lines }, new AbortController().signal);
    } catch (error) {
      process.stderr.write(error.code + '\\n');
      break;
    }
  }
  await output.close();
  clearInterval(timer);
  process.stderr.write('end\\n');
`;
const ARGUMENTS = ['--input-type=module', '-e', PROGRAM];

function start(): ChildProcessByStdio<null, Readable, Readable> {
  // A shell makes a pipe of the kernel's; the one that Node makes for a child is a socket.
  return spawn('sh', ['-c', '"$0" "$@" | cat', process.execPath, ...ARGUMENTS], { stdio: ['ignore', 'pipe', 'pipe'] });
}

function collect(stream: Readable): { text: string } {
  const all = { text: '' };
  stream.setEncoding('utf8').on('data', (piece: string) => (all.text += piece));
  return all;
}

test('a reader who pauses holds the endpoint back, not the relay; nothing is lost', async () => {
  const child = start();
  const said = collect(child.stderr);

  // Nobody reads yet: pipes are full, and the process must go on living.
  await expect.poll(() => said.text.split('alive').length, { timeout: 10_000 }).toBeGreaterThan(5);
  expect(said.text).not.toContain('end');
  const written = collect(child.stdout);
  await once(child, 'close');

  const numbers = written.text
    .trimEnd()
    .split('\n')
    .map((text) => (JSON.parse(text) as { i: number }).i);
  expect(numbers).toEqual(Array.from({ length: 200 }, (_, i) => i));
  expect(said.text).toMatch(/end\n$/);
});

test('a reader who ends is a lost connection, and does not end the relay', () => {
  const result = spawnSync('sh', ['-c', '"$0" "$@" | head -c 1', process.execPath, ...ARGUMENTS], { encoding: 'utf8' });

  expect(result.stderr).toContain('OUTPUT_CONNECTION_LOST\n');
  expect(result.stderr).toMatch(/end\n$/);
});

test('standard output may be a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stdout-'));
  const fd = openSync(join(folder, 'out'), 'w');

  const result = spawnSync(process.execPath, ARGUMENTS, { stdio: ['ignore', fd, 'pipe'], encoding: 'utf8' });
  closeSync(fd);
  const text = readFileSync(join(folder, 'out'), 'utf8');
  rmSync(folder, { recursive: true });

  expect(text.split('\n')).toHaveLength(201);
  expect(result.stderr).toMatch(/end\n$/);
});

test('it has no address and knows no other options', () => {
  expect(stdout.addresses(stdout.options.parse({}))).toEqual([]);
  expect(stdout.options.safeParse({ path: 'x' }).success).toBe(false);
});
