import { afterEach, beforeEach, expect, test } from 'vitest';
import { Catalog } from '../../relay/journal/catalog.ts';
import type { HeldBatch } from '../../relay/journal/sqlite/messages.ts';
import { Faults } from '../support/failing-database.ts';
import { JournalBench, heldBatch } from '../support/journal-bench.ts';

// Goal: a batch is found by its streams from its commit on, whether or not it has been entered into the index yet.
// Method: every question is asked of both readers, after each step, and compared with what was put in.

let faults: Faults;
let bench: JournalBench;
/** The places of the batches that hold a stream. */
let expected: Map<string, number[]>;
const TEXT = 'x'.repeat(70_000);

beforeEach(() => {
  faults = new Faults();
  bench = new JournalBench({}, { opened: (database) => faults.over(database) });
  expected = new Map();
});

afterEach(() => bench[Symbol.dispose]());

/** Appends a batch whose place decides what it holds: every one a host, every third a run of its own. */
function append(text = TEXT, options: Partial<HeldBatch> = {}): boolean {
  const seq = bench.nextSeq;
  const streams = [`host:${seq % 5}`, ...(seq % 3 === 0 ? [`run:${seq}`] : [])];
  const committed = bench.append(heldBatch(seq, [text], { streams, ...options }));
  if (committed) for (const stream of streams) expected.set(stream, [...(expected.get(stream) ?? []), seq]);
  return committed;
}

function expectAllFound(): void {
  using catalog = new Catalog(bench.directory);
  for (const [stream, places] of expected) {
    expect(bench.reader.streamPlaces(stream, 1, bench.nextSeq, 1_000)).toEqual(places);
    expect([...catalog.firstSeqsOf([stream])].toSorted((a, b) => a - b)).toEqual(places);
  }
  expect(bench.reader.streamPlaces('run:none', 1, bench.nextSeq, 1_000)).toEqual([]);
}

function entered(): number {
  using database = closing(bench.openBehindItsBack());
  return Number(database.prepare('SELECT count(DISTINCT first_seq) FROM batch_stream').pluck().get());
}

function closing<T extends { close(): unknown }>(resource: T): T & Disposable {
  return Object.assign(resource, { [Symbol.dispose]: () => void resource.close() });
}

test('large batches are found before, while and after they are entered', () => {
  for (let n = 1; n <= 150; n++) {
    append();
    if (n % 16 === 0 || n === 63 || n === 65) expectAllFound();
  }

  expectAllFound();
  expect(entered()).toBe(128);
});

test('what waits to be entered is entered after a start, too', () => {
  for (let n = 0; n < 40; n++) append();
  bench.reopen();
  expectAllFound();
  for (let n = 0; n < 30; n++) append();

  expectAllFound();
  expect(entered()).toBe(64);
});

test('a commit that fails leaves the index as it was', () => {
  for (let n = 0; n < 63; n++) append();
  for (let at = 1, failed = true; failed; at++) {
    faults.calls = 0;
    faults.at = at;
    failed = !append();
    if (failed) expect(entered()).toBe(0);
  }
  faults.at = 0;

  expectAllFound();
  expect(entered()).toBe(64);
});

test('a batch that went before it was entered leaves no trace', () => {
  for (let n = 0; n < 30; n++) append(TEXT, { transient: true });
  expected.clear();
  while (bench.writer.tidy());
  for (let n = 0; n < 70; n++) append();

  expectAllFound();
  expect(entered()).toBe(34);
});

test('few large batches among many small ones do not keep readers looking through all of them', () => {
  append();
  for (let n = 0; n < 600; n++) {
    const seq = bench.nextSeq;
    bench.append(heldBatch(seq, ['small'], { streams: ['host:small'] }));
  }

  expect(bench.reader.streamPlaces('host:1', 1, bench.nextSeq, 1_000)).toEqual([1]);
  using database = closing(bench.openBehindItsBack());
  const from = Number(database.prepare("SELECT value FROM setting WHERE name = 'streams_entered_to'").pluck().get());
  expect(from).toBeGreaterThan(500);
});

test('after a salvage all is entered again, some at a time', () => {
  for (let n = 0; n < 300; n++) append();
  using database = closing(bench.openBehindItsBack());
  database.exec("DELETE FROM batch_stream; UPDATE setting SET value = '0' WHERE name = 'streams_entered_to'");
  bench.reopen();
  expectAllFound();
  append();
  expectAllFound();
  append();

  expectAllFound();
  expect(entered()).toBe(302);
});
