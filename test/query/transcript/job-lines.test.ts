import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HeldBatch } from '../../../relay/journal/sqlite/messages.ts';
import type { StoredJob } from '../../../relay/journal/runs.ts';
import { arrivals, pageOrder, type LineSource } from '../../../relay/query/transcript/job-lines.ts';
import { derivedLines, jobOf, linesBatch, pageLine, type DerivedLine } from '../../support/job-pages.ts';
import { JournalBench, heldBatch } from '../../support/journal-bench.ts';
import { JOB_RECORD, TIMELINE, jobRow } from '../../support/run-rows.ts';

const bom = Buffer.of(0xef, 0xbb, 0xbf);
const page = (...lines: (string | Buffer)[]): Buffer => Buffer.concat([bom, ...lines.map((line) => Buffer.from(line))]);

/** A journal of one job, and how its batches are read. */
class JobBench implements Disposable {
  readonly bench = new JournalBench();
  readonly job: StoredJob;
  reads = 0;

  constructor(lines: readonly DerivedLine[], cuts: readonly number[] = [], given: Partial<StoredJob> = {}) {
    const { job, changes } = jobOf(lines, 1, given);
    const bounds = [...new Set([0, ...cuts.map((cut) => cut % Math.max(1, lines.length)), lines.length])].sort(
      (a, b) => a - b,
    );
    const batches: HeldBatch[] = [];
    for (const [index, end] of bounds.slice(1).entries()) {
      const start = bounds[index]!;
      batches.push(linesBatch(start + 1, lines.slice(start, end), [job], end === lines.length ? [changes] : []));
    }
    for (const batch of batches) this.bench.append(batch);
    this.job = { ...this.bench.reader.jobs({ limit: 1 })[0]! };
  }

  get source(): LineSource {
    return {
      streamPlaces: (...asked) => this.bench.reader.streamPlaces(...asked),
      readOne: (seq) => {
        this.reads++;
        const [found] = this.bench.reader.read(seq, seq + 1, 1);
        if (found === undefined) return undefined;
        if (found.kind === 'damaged') throw new Error(found.reason);
        return { ...found, lines: Buffer.from(found.lines) };
      },
    };
  }

  async bytes(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const lines of pageOrder(this.source, this.job)) parts.push(...lines.map(({ bytes }) => bytes));
    return Buffer.concat(parts);
  }

  [Symbol.dispose](): void {
    this.bench[Symbol.dispose]();
  }
}

test('pages come back byte for byte: mark, times, continuations, CRLF, raw bytes, long lines, an end without line end', async () => {
  const first = page(
    pageLine(1, 'plain'),
    pageLine(2, ''),
    'goes on without a time\n',
    pageLine(3, 'windows', '\r\n'),
    Buffer.concat([Buffer.from(pageLine(4, 'raw ', '')), Buffer.of(0xff, 0xfe, 0x0a)]),
    pageLine(5, 'x'.repeat(1_000)),
    '\n',
  );
  const second = page(pageLine(6, 'on the second page', ''));
  const lines = [...derivedLines(first, { partBytes: 300 }), ...derivedLines(second, { number: 2 })];
  using bench = new JobBench(lines, [2, 7]);

  expect((await bench.bytes()).equals(Buffer.concat([first, second]))).toBe(true);
});

test('whatever a page holds and however it is cut into batches, it comes back byte for byte', async () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(1_000).map((n) => Buffer.from(pageLine(n, 'text'))),
    fc.constantFrom('\n', '\r\n', '\r', '\u2028').map((text) => Buffer.from(text)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(20), { maxLength: 4 }),
      fc.integer({ min: 5, max: 40 }),
      async (pieces, cuts, partBytes) => {
        const content = Buffer.concat([bom, Buffer.from(pageLine(0, 'begins')), ...pieces]);
        using bench = new JobBench(derivedLines(content, { partBytes }), cuts);

        expect((await bench.bytes()).equals(content)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test('lines that came late, or were filled in at the end, stand where they belong', async () => {
  const content = page(...Array.from({ length: 30 }, (_, n) => pageLine(n, `line ${n}`)));
  const lines = derivedLines(content);
  const [early, middle] = [lines.splice(3, 2), lines.splice(10, 4)];
  using bench = new JobBench([...lines, ...middle, ...early], [5, 20, 26]);

  expect((await bench.bytes()).equals(content)).toBe(true);
});

test('a hole that nothing fills is passed over, and read through once', async () => {
  const lines = derivedLines(page(...Array.from({ length: 40 }, (_, n) => pageLine(n, `line ${n}`))));
  const left = lines.filter((_, n) => n % 4 !== 2);
  using bench = new JobBench(left, [10, 20]);

  const texts: string[] = [];
  for await (const some of pageOrder(bench.source, bench.job)) texts.push(...some.map(({ text }) => text.toString()));

  expect(texts).toEqual(Array.from({ length: 40 }, (_, n) => `line ${n}`).filter((_, n) => n % 4 !== 2));
  expect(bench.reads).toBe(6);
});

test('no more is read than is asked for', async () => {
  using bench = new JobBench(
    derivedLines(page(...Array.from({ length: 40 }, (_, n) => pageLine(n, `line ${n}`)))),
    [10, 20, 30],
  );
  const lines = pageOrder(bench.source, bench.job);

  await lines.next();
  expect(bench.reads).toBe(1);
  await lines.next();
  expect(bench.reads).toBe(2);
  await lines.return(undefined);
  expect(bench.reads).toBe(2);
});

test('of many jobs in the same batches, only the one asked for is read, and batches without it are not', async () => {
  using bench = new JournalBench();
  const other = jobRow({ timeline: JOB_RECORD, jobRecord: TIMELINE, jobName: 'other' });
  const sibling = jobRow({ jobRecord: '11111111-1111-1111-1111-111111111111', jobName: 'sibling' });
  const content = page(pageLine(1, 'one'), pageLine(2, 'two'));
  const [mine, theirs, siblings] = [
    derivedLines(content),
    derivedLines(content, { job: other }),
    derivedLines(content, { job: sibling }),
  ];
  const { job, changes } = jobOf(mine, 1, { lastSeq: 9, lines: 2 });
  bench.append(linesBatch(1, [theirs[0]!, mine[0]!, siblings[0]!], [other, job]));
  bench.append(heldBatch(4, ['something else', 'and more']));
  bench.append(linesBatch(6, [theirs[1]!, siblings[1]!], [other]));
  bench.append(linesBatch(8, [siblings[1]!, mine[1]!], [job], [changes]));
  const [stored] = bench.reader.jobs({ limit: 1 });

  const seqs: number[] = [];
  let reads = 0;
  const source: LineSource = {
    streamPlaces: (...asked) => bench.reader.streamPlaces(...asked),
    readOne: (seq) => {
      reads++;
      const [found] = bench.reader.read(seq, seq + 1, 1);
      return found?.kind === 'batch' ? { ...found, lines: Buffer.from(found.lines) } : undefined;
    },
  };
  for await (const lines of arrivals(source, stored!, 0)) seqs.push(...lines.map(({ seq }) => seq));

  expect(seqs).toEqual([2, 9]);
  expect(reads).toBe(2);
  seqs.length = 0;
  for await (const lines of arrivals(source, stored!, 5)) seqs.push(...lines.map(({ seq }) => seq));
  expect(seqs).toEqual([9]);
});

test('batches that are merged while they are read are read once', async () => {
  const content = page(...Array.from({ length: 300 }, (_, n) => pageLine(n, `line ${n}`)));
  using bench = new JobBench(
    derivedLines(content),
    Array.from({ length: 299 }, (_, n) => n + 1),
  );
  const places = (): number[] => bench.bench.reader.streamPlaces(`job:${TIMELINE}`, 1, 301, 1_000);
  expect(places()).toHaveLength(300);

  const parts: Buffer[] = [];
  for await (const lines of pageOrder(bench.source, bench.job)) {
    parts.push(...lines.map(({ bytes }) => bytes));
    while (bench.bench.writer.tidy());
  }

  expect(Buffer.concat(parts).equals(content)).toBe(true);
  expect(places().length, 'they were merged meanwhile').toBeLessThan(100);
});
