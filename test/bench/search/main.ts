// Builds a journal and measures searches in it: `npm run bench:search -- --help`.
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../../relay/io/clock.ts';
import { Catalog } from '../../../relay/journal/catalog.ts';
import { decodePayload } from '../../../relay/journal/sqlite/codec.ts';
import { openForReading } from '../../../relay/journal/sqlite/database.ts';
import { SKETCH_FILE } from '../../../relay/journal/sqlite/sketches.ts';
import { Unpacker } from '../../../relay/journal/sqlite/unpacker.ts';
import { CountRun } from '../../../relay/query/count-run.ts';
import { Indexer } from '../../../relay/query/indexer.ts';
import type { SearchProgress, SearchRequest } from '../../../relay/query/request.ts';
import { SearchRun } from '../../../relay/query/search-run.ts';
import { machine } from '../machine.ts';
import { activeRepositories, repositoryName } from './content.ts';
import { fillJournal } from './fill.ts';
import { measureIntake } from './intake.ts';

const DAY_MS = 86_400_000;
const DAYS = 30;
const HELP = `npm run bench:search -- [--records N] [--directory D] [--keep] [--scan-bytes N] [--steps S,…] | --intake S
  --records    how many records the journal gets; 2000000 where it is left out, about 600 MB of text
  --directory  where the journal goes; one that is there already is measured as it is
  --keep       leaves the journal where it is
  --scan-bytes how much text is scanned without the index; all where it is left out
  --steps      some of fill, scan, index, search; all where it is left out
  --intake S   measures instead whether intake notices a thousand tails and searches, S seconds each
`;

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    directory: { type: 'string' },
    keep: { type: 'boolean', default: false },
    intake: { type: 'string' },
    'scan-bytes': { type: 'string', default: '1e15' },
    steps: { type: 'string', default: 'fill,scan,index,search' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'spillway-bench-search-'));
const scanBytes = Number(values['scan-bytes']);
const endMs = Date.parse('2026-11-22T00:00:00Z');
const startMs = endMs - DAYS * DAY_MS;
const facts = machine();
console.log(`${facts.cpu}, ${facts.cores} cores, Linux ${facts.kernel}, Node ${facts.node}, commit ${facts.commit}`);
if (values.intake !== undefined) {
  await measureIntake(Number(values.intake));
  process.exit(0);
}
mkdirSync(directory, { recursive: true });
try {
  const steps = values.steps.split(',');
  if (steps.includes('fill')) fill();
  if (steps.includes('scan')) scanForNothing(unpackAlone());
  if (steps.includes('index')) index();
  if (steps.includes('search')) {
    prunedSearches();
    repositoryOfADay();
    counts();
  }
  console.log(`\nmost memory of the process: ${mega(process.resourceUsage().maxRSS * 1_024)} MB`);
} finally {
  if (!values.keep) rmSync(directory, { recursive: true, force: true });
}

function fill(): void {
  if (statSync(join(directory, 'journal.db'), { throwIfNoEntry: false }) !== undefined) return;
  const records = Number(values.records);
  const timer = stopwatch();
  const filled = fillJournal(directory, { records, startMs, endMs }, (done) =>
    progress(`filled ${done} of ${records}`),
  );
  const disk = statSync(join(directory, 'journal.db')).size;
  const { wallS } = timer();
  console.log(
    `journal: ${records} records, ${mega(filled.bytes)} MB of text in ${filled.batches} batches, ${mega(disk)} MB on disk, ` +
      `made in ${wallS.toFixed(0)} s`,
  );
}

/**
 * What the processor needs to unpack the payloads, and nothing else: by the documented function, and into the same memory as a search
 * does. Returns how much text that was.
 */
function unpackAlone(): number {
  const unpacker = new Unpacker();
  const bytes = unpackBy('unpacking alone', decodePayload);
  unpackBy('unpacking alone, into the same memory', (...payload) => unpacker.unpack(...payload));
  return bytes;
}

function unpackBy(what: string, decode: typeof decodePayload): number {
  const database = openForReading(directory);
  const timer = stopwatch();
  let bytes = 0;
  const rows = database
    .prepare('SELECT payload, encoding, line_bytes FROM batch NOT INDEXED ORDER BY first_seq DESC')
    .iterate();
  for (const row of rows as IterableIterator<{ payload: Buffer; encoding: string; line_bytes: number }>) {
    bytes += decode(row.payload, row.encoding, row.line_bytes).length;
    if (bytes >= scanBytes) break;
    progress(`unpacked ${mega(bytes)} MB`);
  }
  database.close();
  report(what, bytes, timer());
  return bytes;
}

function scanForNothing(bytes: number): void {
  const queries = ['segmentation', '"kernel panic"', 'user.name:nobody', 'outofmemory OR deadlock', 'zq'];
  for (const query of queries) {
    const timer = stopwatch();
    const memory = process.memoryUsage.rss();
    const read = searchAll({ query, order: 'newest', recordsMax: 1 }, bytes);
    report(
      `scan for ${query}, no index`,
      read.bytesRead,
      timer(),
      `, ${read.found} found, RSS ${mega(memory)} to ${mega(process.memoryUsage.rss())} MB`,
    );
  }
}

function index(): void {
  const indexer = new Indexer({ directory, freeBytesMin: 0, indexBytesMax: 1e12 }, systemClock);
  const timer = stopwatch();
  while (indexer.step(1_000)) progress('making the index');
  const { wallS, cpuS } = timer();
  const size = statSync(join(directory, SKETCH_FILE)).size;
  console.log(`index: ${mega(size)} MB, made in ${wallS.toFixed(1)} s (${cpuS.toFixed(1)} s of processor)`);
}

function prunedSearches(): void {
  for (const query of [
    'segmentation',
    '"kernel panic"',
    'user.name:nobody',
    'user.name:jane.doe0',
    'outofmemory OR deadlock',
    'xylophone -ok',
  ]) {
    const timer = stopwatch();
    const read = searchAll({ query, order: 'newest', recordsMax: 100 }, Infinity);
    const { wallS } = timer();
    console.log(
      `${query}: ${(wallS * 1_000).toFixed(0)} ms over everything, ${read.found} found, ` +
        `${read.batchesRead} batches read, ${read.batchesSkipped} left out`,
    );
  }
}

/** A day of one repository, at the end of the month, in its middle and at its start: when do the first rows come, and when all? */
function repositoryOfADay(): void {
  for (const day of [29, 15, 1]) {
    const sinceMs = startMs + day * DAY_MS;
    const range = { of: 'event', sinceMs, untilMs: sinceMs + DAY_MS } as const;
    const repository = repositoryName(activeRepositories(Math.floor(sinceMs / 3_600_000) + 12)[3]!);
    for (const query of [
      `github.repository:${repository}`,
      `github.repository:${repository} "exit code 1"`,
      `github.repository:${repository} segmentation`,
    ]) {
      const timer = stopwatch();
      using run = new SearchRun(directory, { query, range, order: 'newest', recordsMax: 100 }, systemClock);
      let firstMs: number | undefined;
      for (;;) {
        const step = run.step(50);
        if (step.found.length > 0) firstMs ??= timer().wallS * 1_000;
        if (step.ending === undefined) continue;
        const { found, batchesRead, batchesSkipped } = step.progress;
        console.log(
          `${query}, day ${day}: first rows after ${firstMs?.toFixed(0) ?? '-'} ms, ${found} rows after ` +
            `${(timer().wallS * 1_000).toFixed(0)} ms (${batchesRead} read, ${batchesSkipped} left out)`,
        );
        break;
      }
    }
  }
}

function counts(): void {
  const range = { of: 'event', sinceMs: endMs - DAY_MS, untilMs: endMs } as const;
  for (const query of ['', 'dataset:harbor.audit', 'level:error']) {
    const timer = stopwatch();
    using run = new CountRun(directory, { query, range, buckets: 48, facets: [] }, systemClock);
    for (;;) {
      const step = run.step(1_000);
      if (step.ending === undefined) continue;
      console.log(
        `count of ${JSON.stringify(query)} over a day: ${step.counted} in ${(timer().wallS * 1_000).toFixed(0)} ms`,
      );
      break;
    }
  }
  using catalog = new Catalog(directory);
  const timer = stopwatch();
  const headers = catalog.before(Number.MAX_SAFE_INTEGER, 1_000_000);
  console.log(`the headers of all ${headers.length} batches: ${(timer().wallS * 1_000).toFixed(0)} ms`);
}

/** Searches until the end, or until so much text was looked through. */
function searchAll(request: SearchRequest, bytesMax: number): SearchProgress {
  using run = new SearchRun(directory, request, systemClock);
  for (;;) {
    const step = run.step(200);
    progress(`searched ${(step.progress.part * 100).toFixed(0)} %`);
    if (step.ending !== undefined || step.progress.bytesRead >= bytesMax) return step.progress;
  }
}

interface Elapsed {
  readonly wallS: number;
  readonly cpuS: number;
}

function stopwatch(): () => Elapsed {
  const start = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { wallS: (performance.now() - start) / 1_000, cpuS: (user + system) / 1e6 };
  };
}

function report(what: string, bytes: number, { wallS, cpuS }: Elapsed, more = ''): void {
  const rate = (seconds: number): string => (bytes / 1e6 / seconds).toFixed(0);
  console.log(`${what}: ${rate(cpuS)} MB for a second of processor, ${rate(wallS)} MB/s (${mega(bytes)} MB)${more}`);
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

let shownMs = 0;
function progress(text: string): void {
  if (!process.stderr.isTTY || performance.now() - shownMs < 200) return;
  shownMs = performance.now();
  process.stderr.write(`\r${text}\u001b[K\r`);
}
