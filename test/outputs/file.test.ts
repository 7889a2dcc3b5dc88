import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { file } from '../../relay/outputs/file/index.ts';
import { delivery, line, OutputFixture } from '../support/output-fixture.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-output-'));
  path = join(folder, 'out.ndjson');
});
afterEach(() => rmSync(folder, { recursive: true }));

function outputTo(options: Record<string, unknown> = {}): OutputFixture {
  return OutputFixture.create(file, { path, ...options });
}

const others = (): string[] =>
  readdirSync(folder)
    .filter((name) => name !== 'out.ndjson')
    .sort();

test('lines are appended as they are stored', async () => {
  await using relay = outputTo();
  const [a, b, c] = [line({ message: 'ä' }), line(), line()];

  await relay.deliver(delivery(a, b));
  await relay.deliver(delivery(c));

  expect(readFileSync(path, 'utf8')).toBe(a + b + c);
});

test('overlapping deliveries are written in the order they were given', async () => {
  await using relay = outputTo();
  const lines = Array.from({ length: 50 }, (_, i) => line({ message: `m${i}` }));

  await Promise.all(lines.map((text) => relay.deliver(delivery(text))));

  expect(readFileSync(path, 'utf8')).toBe(lines.join(''));
});

test('a delivery that starts the moment another ends is written as well', async () => {
  await using relay = outputTo();

  for (let i = 0; i < 20; i++) await relay.deliver(delivery(line()));

  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(21);
});

test('with an interval, deliveries wait for the sync they share; given up, they are gone, and closing waits for no interval', async () => {
  await using relay = outputTo({ sync: 'interval', sync_interval_ms: 60_000 });
  await relay.deliver(delivery(line({ message: 'first' })));
  const stop = new AbortController();

  const waiting = relay.deliver(delivery(line({ message: 'second' })));
  const abandoned = relay.deliver(delivery(line({ message: 'third' })), stop.signal);
  stop.abort();
  await expect(abandoned).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  expect(readFileSync(path, 'utf8')).not.toContain('second');
  await relay.output.close();
  await waiting;

  expect(readFileSync(path, 'utf8')).toMatch(/first.*\n.*second.*\n$/);
});

test('the file and the folders made for it are for the relay alone', async () => {
  path = join(folder, 'a', 'b', 'out.ndjson');
  await using relay = outputTo();

  await relay.deliver(delivery(line()));

  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700);
});

test.each([
  ['{"a":1}\n{"b":', '{"a":1}\n', 5],
  ['{"a":1}\n' + 'x'.repeat(200_000), '{"a":1}\n', 200_000],
  ['{"only":', '', 8],
  ['{"a":1}\n\0\0\0', '{"a":1}\n', 3],
])('an unfinished line is cut off when the file is opened, and told', async (before, kept) => {
  writeFileSync(path, before);
  await using relay = outputTo();
  const added = line();

  await relay.deliver(delivery(added));

  expect(readFileSync(path, 'utf8')).toBe(kept + added);
  expect(relay.logged).toEqual(['warn cut off an unfinished line, its record will be written anew']);
});

test('whole lines that are there already are kept, and nothing is told', async () => {
  writeFileSync(path, '{"a":1}\n');
  await using relay = outputTo();

  await relay.output.probe(new AbortController().signal);

  expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n');
  expect(relay.logged).toEqual([]);
});

test('a file that was moved away, replaced or removed is noticed', async () => {
  await using relay = outputTo();
  await relay.deliver(delivery(line({ message: 'first' })));

  renameSync(path, `${path}.old`);
  await relay.deliver(delivery(line({ message: 'second' })));
  renameSync(path, `${path}.older`);
  writeFileSync(path, '{"by":"another"}\n');
  await relay.deliver(delivery(line({ message: 'third' })));
  expect(readFileSync(path, 'utf8')).toMatch(/another.*\n.*third/);
  rmSync(path);
  await relay.deliver(delivery(line({ message: 'fourth' })));

  expect(readFileSync(`${path}.old`, 'utf8')).toContain('first');
  expect(readFileSync(`${path}.older`, 'utf8')).toContain('second');
  expect(readFileSync(path, 'utf8')).toContain('fourth');
});

test.each([
  [
    'one by one',
    async (relay: OutputFixture, lines: string[]) => {
      for (const text of lines) await relay.deliver(delivery(text));
    },
  ],
  [
    'at once',
    async (relay: OutputFixture, lines: string[]) => {
      await Promise.all(lines.map((text) => relay.deliver(delivery(text))));
    },
  ],
])('a new file begins before the old one grows too large, and no line is in two: %s', async (_how, deliver) => {
  await using relay = outputTo({ rotate_bytes: 1_000 });
  const lines = Array.from({ length: 20 }, (_, i) => line({ message: `m${i}` }));

  await deliver(relay, lines);

  const complete = others();
  expect(complete.length).toBeGreaterThan(2);
  for (const name of complete) {
    expect(name).toMatch(/^out\.\d{8}T\d{9}Z(_\d{4})?\.ndjson$/);
    expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(1_000);
  }
  const all = [...complete, 'out.ndjson'].map((name) => readFileSync(join(folder, name), 'utf8')).join('');
  expect(all).toBe(lines.join(''));
});

test('a new file begins with a new hour, also when the relay was not running at its turn', async () => {
  await using relay = outputTo({ rotate_every: 'hourly' });
  await relay.deliver(delivery(line()));
  relay.clock.shiftMs += 3_600_000;
  await relay.deliver(delivery(line()));
  expect(others()).toHaveLength(1);

  await using later = outputTo({ rotate_every: 'daily' });
  utimesSync(path, new Date(), new Date(Date.now() - 86_400_000));
  await later.deliver(delivery(line()));

  expect(others()).toHaveLength(2);
});

test.each([
  ['gzip', '.gz', gunzipSync],
  ['zstd', '.zst', zstdDecompressSync],
] as const)('complete files are compressed by %s, and the originals go', async (compress, suffix, unpack) => {
  await using relay = outputTo({ rotate_bytes: 1, compress });
  const lines = [line(), line(), line()];

  for (const text of lines) await relay.deliver(delivery(text));

  await expect.poll(others).toEqual([expect.stringMatching(suffix), expect.stringMatching(suffix)]);
  const unpacked = others().map((name) => unpack(readFileSync(join(folder, name))).toString());
  expect(unpacked).toEqual(lines.slice(0, 2));
  expect(statSync(join(folder, others()[0]!)).mode & 0o777).toBe(0o600);
});

test('what a crash left half compressed is done again', async () => {
  const complete = 'out.20261122T052010123Z.ndjson';
  writeFileSync(join(folder, complete), 'whole\n');
  writeFileSync(join(folder, `${complete}.gz.part`), 'ha');
  await using relay = outputTo({ compress: 'gzip' });

  await relay.deliver(delivery(line()));

  await expect.poll(others).toEqual([`${complete}.gz`]);
  expect(gunzipSync(readFileSync(join(folder, `${complete}.gz`))).toString()).toBe('whole\n');
});

test('only as many complete files are kept as asked for, and nobody else’s are touched', async () => {
  const foreign = [
    'out.ndjson.bak',
    'out.2026.ndjson',
    'other.20261122T052010123Z.ndjson',
    'out.20261122T052010123Z.ndjson.mine',
  ];
  for (const name of foreign) writeFileSync(join(folder, name), 'x');
  writeFileSync(join(folder, 'out.20200101T000000000Z.ndjson'), 'oldest');
  await using relay = outputTo({ rotate_bytes: 1, files_max: 2 });

  for (let i = 0; i < 6; i++) await relay.deliver(delivery(line({ message: `m${i}` })));

  await expect.poll(() => others().length).toBe(foreign.length + 2);
  const kept = others().filter((name) => !foreign.includes(name));
  expect(kept.map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual([
    expect.stringContaining('m3'),
    expect.stringContaining('m4'),
  ]);
});

test('only as many bytes are kept as asked for', async () => {
  await using relay = outputTo({ rotate_bytes: 1, total_bytes_max: 2_500 });

  for (let i = 0; i < 6; i++) await relay.deliver(delivery(line({ message: 'x'.repeat(1_000) })));

  await expect.poll(() => others().length).toBe(2);
});

test('a full disk is tried again later and leaves no unfinished line', async () => {
  await using relay = outputTo();
  await relay.deliver(delivery(line({ message: 'before' })));
  const before = readFileSync(path, 'utf8');
  // A limit on the size of files stands for a full disk: the first part of the write succeeds, the rest does not.
  limitFileSize(before.length + 100);
  try {
    await expect(relay.deliver(delivery(line({ message: 'x'.repeat(1_000) })))).rejects.toMatchObject({
      code: 'OUTPUT_UNREACHABLE',
      disposition: 'retry',
      cause: { code: 'EFBIG' },
    });
    expect(readFileSync(path, 'utf8')).toBe(before);
  } finally {
    limitFileSize('unlimited');
  }

  await relay.deliver(delivery(line({ message: 'after' })));

  expect(readFileSync(path, 'utf8')).toMatch(/before.*\n.*after.*\n$/);
  expect(relay.logged).toEqual([]);
});

function limitFileSize(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:unlimited`]);
}

test('what cannot be a file is tried again later, and works once it can', async () => {
  mkdirSync(path);
  await using relay = outputTo();

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_UNREACHABLE',
    disposition: 'retry',
  });
  rmSync(path, { recursive: true });
  execFileSync('mkfifo', [path]);
  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE' });
  rmSync(path);
  await relay.deliver(delivery(line()));

  expect(existsSync(path)).toBe(true);
});

test('an output that was closed opens its file again', async () => {
  await using relay = outputTo();
  await relay.deliver(delivery(line()));

  await relay.output.close();
  await relay.output.close();
  appendFileSync(path, '{"by":"another"}\n');
  await relay.deliver(delivery(line()));

  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4);
});

test.each([
  [{ path: '' }],
  [{ path: 'a/' }],
  [{ path: 'a\0b' }],
  [{ path: 'a', compress: 'lzma' }],
  [{ path: 'a', files: 1 }],
])('the options %j are refused', (options) => {
  expect(file.options.safeParse(options).success).toBe(false);
});
