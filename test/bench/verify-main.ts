/** `npm run bench:verify -- --gigabytes N`: how long `spillway verify` walks over a journal of that size, and how much memory it takes. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { JOURNAL_FILE } from '../../relay/journal/sqlite/database.ts';
import type { HeldBatch } from '../../relay/journal/sqlite/messages.ts';
import { heldBatch, JournalBench } from '../support/journal-bench.ts';

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '1' },
    /** How much of it came in small batches, which are merged and hashed by their lines. */
    'small-percent': { type: 'string', default: '25' },
    /** Text that compresses to a tenth, as logs do; else it hardly compresses, so that the file is soon as large as it is to be. */
    compressible: { type: 'boolean', default: false },
    /** Where the journal is made; it is removed at the end, unless it was there. */
    directory: { type: 'string' },
  },
});
const fileBytes = Number(values.gigabytes) * 1e9;
const smallPart = Number(values['small-percent']) / 100;
const LARGE_BYTES = 262_144;
const SMALL_BYTES = 4_096;
/** Small batches between two large ones are merged into one row. */
const SMALL_RUN = 64;
const RECORD_BYTES = 512;
const POOL_BYTES = 32 * 1_048_576;
const LOOK_INTERVAL_MS = 50;
const inputs = { a: { type: 'syslog', listen: 'tcp://127.0.0.1:5514' } };
const program = resolve(existsSync('dist/main.js') ? 'dist/main.js' : 'relay/main.ts');

const pool = values.compressible ? repetitive() : randomBytes((POOL_BYTES / 4) * 3).toString('base64');
const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'spillway-verify-'));
const file = join(directory, JOURNAL_FILE);
const isNew = !existsSync(file);
try {
  if (isNew) fill();
  writeFileSync(join(directory, 'config.yaml'), JSON.stringify({ data_dir: directory, inputs }));
  console.log(
    `journal: ${(statSync(file).size / 1e9).toFixed(2)} GB, ${values['small-percent']} % of its text in small batches`,
  );
  for (const cold of [true, false]) await verify(cold);
} finally {
  if (isNew && values.directory === undefined) rmSync(directory, { recursive: true });
}

function fill(): void {
  const startedMs = performance.now();
  const bench = new JournalBench({}, { directory });
  let seq = 1;
  let text = 0;
  let small = 0;
  for (let written = 0; written < fileBytes;) {
    const isSmall = small < text * smallPart;
    const batches: HeldBatch[] = [];
    for (let i = 0; i < (isSmall ? SMALL_RUN : 1); i++) {
      const batch = textBatch(seq, isSmall ? SMALL_BYTES : LARGE_BYTES);
      batches.push(batch);
      seq += batch.records;
      text += batch.bytes;
      if (isSmall) small += batch.bytes;
    }
    bench.append(...batches);
    while (bench.writer.tidy());
    bench.told.length = 0;
    written = statSync(file).size;
  }
  bench.close();
  const seconds = (performance.now() - startedMs) / 1_000;
  console.log(`filled with ${seq - 1} records, ${(text / 1e9).toFixed(2)} GB of text, in ${seconds.toFixed(0)} s`);
}

function textBatch(firstSeq: number, bytes: number): HeldBatch {
  const records = Math.floor(bytes / RECORD_BYTES);
  const shared = new SharedArrayBuffer(records * RECORD_BYTES);
  const lines = Buffer.from(shared);
  const from = Math.floor(Math.random() * (pool.length - records * RECORD_BYTES));
  for (let i = 0; i < records; i++) {
    const at = i * RECORD_BYTES;
    const head = `{"event":{"id":"benchx-0000001-${String(firstSeq + i).padStart(9, '0')}"},"message":"`;
    lines.write(head, at, 'latin1');
    lines.write(pool.slice(from + at, from + at + RECORD_BYTES - head.length - 3), at + head.length, 'latin1');
    lines.write('"}\n', at + RECORD_BYTES - 3, 'latin1');
  }
  return heldBatch(firstSeq, [''], {
    records,
    shared,
    bytes: shared.byteLength,
    datasets: { syslog: records },
    streams: ['host:a'],
  });
}

/** Pieces of words in an order of chance. */
function repetitive(): string {
  const words = Array.from({ length: 400 }, (_, n) => randomBytes(3 + (n % 5)).toString('hex'));
  const parts: string[] = [];
  for (let bytes = 0; bytes < POOL_BYTES; bytes += 200) {
    const sentence = Array.from({ length: 4 }, () => words[Math.floor(Math.random() ** 3 * words.length)]).join(' ');
    parts.push(`${sentence} `.repeat(Math.ceil(200 / sentence.length)));
  }
  return parts.join('').slice(0, POOL_BYTES);
}

async function verify(cold: boolean): Promise<void> {
  // The system forgets what it keeps of the file in memory.
  if (cold) spawnSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
  const startedMs = performance.now();
  const child = spawn(process.execPath, [program, 'verify', '--config', join(directory, 'config.yaml')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (words += piece));
  let mostKb = 0;
  let cpuTicks = 0;
  const looking = setInterval(() => {
    try {
      mostKb = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? mostKb);
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      cpuTicks = Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }, LOOK_INTERVAL_MS);
  const [code] = (await once(child, 'close')) as [number];
  clearInterval(looking);
  const seconds = (performance.now() - startedMs) / 1_000;
  const megabytes = statSync(file).size / 1e6;
  console.log(
    `${cold ? 'not in memory' : 'in memory    '}: ${seconds.toFixed(1)} s, ${(megabytes / seconds).toFixed(0)} MB/s, ` +
      `${(cpuTicks / 100).toFixed(1)} s of processor, ${(mostKb / 1_024).toFixed(0)} MB of memory, ended with ${code}`,
  );
  if (code !== 0) process.exitCode = 1;
  if (!cold) console.log(words.trimEnd());
}
