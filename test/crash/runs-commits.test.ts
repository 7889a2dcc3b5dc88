import { afterEach, expect, test } from 'vitest';
import { Acceptor } from '../../relay/accept/acceptor.ts';
import { systemClock } from '../../relay/io/clock.ts';
import type { Journal, Progress } from '../../relay/journal/journal.ts';
import { WireBatches } from '../../relay/journal/sqlite/wire-batches.ts';
import type { Batch, BuiltBatch } from '../../relay/record/batch.ts';
import { fragment } from '../../relay/record/line-writer.ts';
import type { Recorder } from '../../relay/record/recorder.ts';
import { RunsConsumer } from '../../relay/runs/consumer.ts';
import { PATIENCE } from '../support/assembly.ts';
import { FakeJournal } from '../support/fake-journal.ts';
import { JournalBench } from '../support/journal-bench.ts';
import { pagePath, pagesOf, tailed, JOB, WORKER_PATH, workerLog, type TailedLine } from '../support/runner-log.ts';

/** The journal's contract over its real writer and reader, in this thread. After `dieAt` commits nobody is told any more. */
class BenchJournal extends FakeJournal {
  readonly #bench: JournalBench;
  readonly #wire = new WireBatches();
  readonly #commits = new Set<(endSeq: number) => void>();
  /** Changes that were written, and what is to happen at which of them. */
  changes = 0;
  dieAt = Number.POSITIVE_INFINITY;
  dieBefore = true;

  constructor(bench: JournalBench) {
    super();
    this.#bench = bench;
    this.nextSeq = bench.nextSeq;
  }

  override async append(batch: BuiltBatch): Promise<void> {
    if (batch.changes.length > 0) this.changes++;
    const isDead = this.changes > this.dieAt || (this.changes === this.dieAt && this.dieBefore);
    if (isDead) return new Promise(() => {});
    const wire = { ...this.#wire.of(batch), shared: batch.slab.shared, slabId: undefined };
    if (!this.#bench.append(wire)) throw new Error('refused');
    this.nextSeq = batch.firstSeq + batch.records;
    if (this.changes === this.dieAt) return new Promise(() => {});
    for (const told of this.#commits) told(this.nextSeq);
  }

  override passOver(fromSeq: number): number {
    return fromSeq;
  }

  override async read(fromSeq: number): Promise<Batch | undefined> {
    const [found] = this.#bench.read(fromSeq);
    return found === undefined ? undefined : { ...found, lines: Buffer.from(found.lines), release: () => {} };
  }

  override onCommit(listener: (endSeq: number) => void): () => void {
    this.#commits.add(listener);
    return () => this.#commits.delete(listener);
  }

  override async openCursor(endpoint: string): ReturnType<Journal['openCursor']> {
    this.#bench.writer.openCursor(endpoint, 'first');
    return this.#bench.reader.cursors().find((cursor) => cursor.endpoint === endpoint)!;
  }

  override advance(endpoint: string, progress: Progress): void {
    this.#bench.writer.advance(endpoint, progress);
    this.#bench.writer.settle();
  }

  override async runCheckpoints(): ReturnType<Journal['runCheckpoints']> {
    return this.#bench.writer.runCheckpoints();
  }

  override async jobCheckpoint(key: Parameters<Journal['jobCheckpoint']>[0]): ReturnType<Journal['jobCheckpoint']> {
    return this.#bench.reader.jobCheckpoint(key);
  }

  override async pageCheckpoint(
    query: Parameters<Journal['pageCheckpoint']>[0],
  ): ReturnType<Journal['pageCheckpoint']> {
    return this.#bench.reader.pageCheckpoint(query);
  }
}

const running: RunsConsumer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((consumer) => Promise.race([consumer.stop(), Promise.resolve()])));
});

/** One life of a relay: its journal, what takes records in, and the assembly. */
async function start(bench: JournalBench, death: { dieAt?: number; dieBefore?: boolean } = {}) {
  const journal = Object.assign(new BenchJournal(bench), death);
  const acceptor = new Acceptor({
    journal,
    clock: systemClock,
    batchBytesMax: 65_536,
    inFlightBytesMax: 1 << 24,
    commitDelayMsMax: 0,
    receiptsWindowMs: 3_600_000,
    patienceMs: 1_000,
  });
  const told = { silent() {}, unfinished() {}, relieved() {}, finished() {}, readFailed() {} };
  const consumer = new RunsConsumer({
    journal,
    sink: acceptor,
    clock: systemClock,
    events: told,
    assembly: { ...PATIENCE, attributionWaitMs: 50, identityWaitMs: 200, orderWaitMs: 500 },
    lines: { name: 'github.runner', stored: true },
    summaries: { name: 'github.runner.job', stored: true },
  });
  await consumer.start();
  running.push(consumer);
  return { journal, acceptor };
}

function record(recorder: Recorder, { file, offset, log }: TailedLine): void {
  const name = file === WORKER_PATH ? 'github.runner.worker' : 'github.runner.page';
  const writer = recorder.open({ name, stored: false }, log.length * 4);
  const members = JSON.stringify({
    '@timestamp': '2026-11-22T08:15:00Z',
    message: log,
    log: { file: { path: file }, offset },
  });
  writer.raw(fragment(`},${members.slice(1, -1)}`));
  recorder.close(0);
}

const pages = pagesOf();
const JOB_PAGE = pagePath(JOB.record);
const chunks = [
  tailed(WORKER_PATH, `${workerLog().join('\n')}\n`),
  ...[...pages].flatMap(([path, text]) => {
    const lines = tailed(path, text);
    return [lines.slice(0, 2), lines.slice(2)];
  }),
];

/** The job page as it stands in the journal, and how many summaries. */
function written(bench: JournalBench): { page: string; summaries: number } {
  const lines = bench
    .read(1)
    .flatMap(({ lines: bytes }) => Buffer.from(bytes).toString().split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const of = (dataset: string) => lines.filter((line) => (line['event'] as { dataset: string }).dataset === dataset);
  const page = of('github.runner').map((line) => {
    const { line: marks = {} } = line['github'] as { line?: { bom?: boolean; continuation?: boolean } };
    const head = marks.continuation === true ? '' : `${String(line['@timestamp'])} `;
    return `${marks.bom === true ? '\ufeff' : ''}${head}${String(line['message'])}\n`;
  });
  return { page: page.join(''), summaries: of('github.runner.job').length };
}

// Goal: a process that dies at any commit of finished lines, before it or after it and before anybody knew, writes each line once over its
// lives. Method: the real tables; the first life ends at the n-th such commit; the second reads on from the cursor that was left.
test.each([1, 2, 3, 4].flatMap((dieAt) => [true, false].map((dieBefore) => ({ dieAt, dieBefore }))))(
  'killed at commit $dieAt (before it: $dieBefore), each line is written once',
  async ({ dieAt, dieBefore }) => {
    using bench = new JournalBench();
    const first = await start(bench, { dieAt, dieBefore });
    for (const chunk of chunks) {
      // Nobody answers once it is dead.
      first.acceptor
        .accept(
          () => {
            for (const line of chunk) record(first.acceptor.recorder, line);
            return chunk.length;
          },
          undefined,
          () => {},
        )
        .catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => first.journal.changes, { timeout: 4_000 }).toBeGreaterThanOrEqual(Math.min(dieAt, 2));
    await new Promise((resolve) => setImmediate(resolve));

    const second = await start(bench);
    // What nobody was told of is sent again, all of it.
    for (const chunk of chunks)
      await second.acceptor.accept(
        () => {
          for (const line of chunk) record(second.acceptor.recorder, line);
          return chunk.length;
        },
        undefined,
        () => {},
      );

    await expect.poll(() => written(bench).summaries, { timeout: 8_000 }).toBeGreaterThan(0);
    expect(written(bench).page).toBe(pages.get(JOB_PAGE));
  },
);
