import fc from 'fast-check';
import { expect, test } from 'vitest';
import { balance } from '../../relay/cli/doctor.ts';
import type { Progress } from '../../relay/journal/journal.ts';
import { heldBatch, JournalBench, noise, textsIn } from '../support/journal-bench.ts';

const endpoints = ['loginsight', 'logstash'] as const;
type Name = (typeof endpoints)[number];
const endpoint = fc.constantFrom(...endpoints);

const append = fc.record({
  do: fc.constant('append' as const),
  /** Records of each batch of one group. */
  counts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  bytes: fc.constantFrom(10, 10, 10, 900, 70_000),
  transient: fc.boolean(),
});
const deliver = fc.record({
  do: fc.constant('deliver' as const),
  endpoint,
  count: fc.integer({ min: 1, max: 9 }),
  refuse: fc.boolean(),
  filter: fc.boolean(),
});
const other = fc.oneof(
  fc.record({ do: fc.constant('settle' as const) }),
  fc.record({ do: fc.constant('tidy' as const) }),
  fc.record({ do: fc.constant('refused append' as const) }),
  fc.record({ do: fc.constant('reopen' as const) }),
  fc.record({ do: fc.constant('damage' as const), at: fc.nat() }),
);
const purge = fc.record({
  do: fc.constant('purge' as const),
  operation: fc.constantFrom('even', 'odd', '*'),
  undelivered: fc.constantFrom('keep' as const, 'keep' as const, 'purge' as const),
  /** Steps after which the process dies; the purge goes on with the next start. */
  diesAfter: fc.integer({ min: 0, max: 4 }),
  held: fc.boolean(),
});
const step = fc.oneof(
  { weight: 5, arbitrary: append },
  { weight: 4, arbitrary: deliver },
  { weight: 3, arbitrary: other },
  { weight: 1, arbitrary: purge },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Taken {
  delivered: number;
  filtered: number;
  deadLettered: number;
}

/** The obvious journal: an array of texts, and what each endpoint took of it. */
class Model {
  readonly texts: string[] = [];
  readonly damaged = new Set<number>();
  readonly purged = new Set<number>();
  readonly cursor: Record<Name, number> = { loginsight: 1, logstash: 1 };
  readonly taken: Record<Name, Taken> = {
    loginsight: { delivered: 0, filtered: 0, deadLettered: 0 },
    logstash: { delivered: 0, filtered: 0, deadLettered: 0 },
  };
}

// Goal: at least once, in order, to each endpoint, with books that add up and a chain that is whole, whatever the order of events. Method:
// the same random steps run against the journal and against the model; then both are compared, record by record and count by count.
const histories = (bench: () => JournalBench, numRuns: number): void =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      using journal = bench();
      const model = new Model();
      for (const name of endpoints) journal.writer.openCursor(name, 'first');
      for (const each of steps) run(each, journal, model);
      journal.reopen();
      compare(journal, model);
    }),
    { numRuns },
  );

test('each endpoint gets every record in order, and its books add up', { timeout: 60_000 }, () => {
  histories(() => new JournalBench(), 60);
});

test('a journal that is full and blocks loses nothing', { timeout: 60_000 }, () => {
  histories(() => new JournalBench({ bytesMax: 900_000 }), 30);
});

test('a journal that drops its oldest records counts every one that was still owed', { timeout: 60_000 }, () => {
  histories(() => new JournalBench({ bytesMax: 900_000, whenFull: 'drop_oldest' }), 30);
});

function run(each: Step, journal: JournalBench, model: Model): void {
  switch (each.do) {
    case 'append':
      return appendGroup(each, journal, model);
    case 'deliver':
      return take(each, journal, model);
    case 'settle':
      return journal.writer.settle();
    case 'tidy':
      while (journal.writer.tidy());
      return;
    case 'refused append':
      expect(journal.append(heldBatch(journal.nextSeq, ['a']), heldBatch(journal.nextSeq + 2, ['b']))).toBe(false);
      return;
    case 'reopen':
      return journal.reopen();
    case 'damage':
      return damage(each.at, journal, model);
    case 'purge':
      return runPurge(each, journal, model);
  }
}

function appendGroup(
  { counts, bytes, transient }: Extract<Step, { do: 'append' }>,
  journal: JournalBench,
  model: Model,
): void {
  const start = model.texts.length;
  const texts: string[] = [];
  const batches = counts.map((count) => {
    const firstSeq = start + texts.length + 1;
    const own = Array.from({ length: count }, (_, i) => `r${firstSeq + i} ${noise(firstSeq + i, bytes)}`);
    texts.push(...own);
    return heldBatch(firstSeq, own, { transient });
  });
  if (journal.append(...batches)) model.texts.push(...texts);
  else expect(journal.limits.bytesMax).toBeGreaterThan(0);
}

/** Reads as an endpoint does, and takes some of what it got. */
function take(
  { endpoint: name, count, refuse, filter }: Extract<Step, { do: 'deliver' }>,
  journal: JournalBench,
  model: Model,
): void {
  const [batch] = journal.read(model.cursor[name]);
  if (batch === undefined) return;
  const fromSeq = Math.max(batch.firstSeq, model.cursor[name]);
  const toSeq = Math.min(batch.firstSeq + batch.records, fromSeq + count);
  const texts = textsIn(batch.lines).slice(fromSeq - batch.firstSeq, toSeq - batch.firstSeq);
  const purged = texts.filter((text) => text === undefined).length;
  const filtered = filter && toSeq - fromSeq - purged > 1 ? 1 : 0;
  const refused =
    refuse && texts.at(-1) !== undefined
      ? [{ seq: toSeq - 1, code: 'OUTPUT_REFUSED_RECORD', reason: 'no', line: Buffer.from('x') }]
      : [];
  const delivered = toSeq - fromSeq - purged - filtered - refused.length;
  const progress: Progress = { fromSeq, toSeq, delivered, filtered, refused, purged };
  journal.writer.advance(name, progress);
  model.cursor[name] = toSeq;
  model.taken[name].delivered += delivered;
  model.taken[name].filtered += filtered;
  model.taken[name].deadLettered += refused.length;
}

function runPurge(
  { operation, undelivered, diesAfter, held }: Extract<Step, { do: 'purge' }>,
  journal: JournalBench,
  model: Model,
): void {
  // What goes by itself goes first: a restart in the middle would take it too.
  journal.writer.settle();
  while (journal.writer.tidy());
  const there = [...journal.records().keys()];
  const lowest = Math.min(...Object.values(model.cursor));
  const matches = (seq: number): boolean => operation === '*' || (seq % 2 === 0 ? 'even' : 'odd') === operation;
  const expected = there.filter((seq) => matches(seq) && (undelivered === 'purge' || seq < lowest));
  const hold = held ? journal.ask('addHold', { scope: {}, who: 'auditor', why: 'all of it' }) : undefined;
  const rules = [{ name: 'r', match: { operation: [operation] }, beforeMs: 1e12, undelivered }];

  let run = journal.purge({ rules }, { batches: 1, steps: diesAfter });
  if (run.endedMs === undefined) {
    journal.reopen();
    run = journal.carryOn(run);
  }

  expect(run.tally.records).toBe(held ? 0 : expected.length);
  if (hold !== undefined) journal.ask('liftHold', hold.id, { who: 'auditor', why: 'done' });
  else for (const seq of expected) model.purged.add(seq);
}

/** Turns one bit of one batch over, as a bad disk does: without going through the journal. */
function damage(at: number, journal: JournalBench, model: Model): void {
  // Read first, so that no bit is turned back.
  const there = [...journal.records().keys()];
  const victim = there[at % Math.max(1, there.length)];
  const batch = victim === undefined ? undefined : damageBatch(journal, victim);
  if (batch === undefined) return;
  for (let seq = batch.first; seq < batch.end; seq++) model.damaged.add(seq);
}

function damageBatch(journal: JournalBench, seq: number): { first: number; end: number } | undefined {
  const database = journal.openBehindItsBack();
  try {
    const row = database
      .prepare('SELECT first_seq, records, payload FROM batch WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1')
      .get(seq) as { first_seq: number; records: number; payload: Buffer } | undefined;
    if (row === undefined) return undefined;
    row.payload[row.payload.length >> 1]! ^= 1;
    database.prepare('UPDATE batch SET payload = ? WHERE first_seq = ?').run(row.payload, row.first_seq);
    return { first: row.first_seq, end: row.first_seq + row.records };
  } finally {
    database.close();
  }
}

function compare(journal: JournalBench, model: Model): void {
  const inconsistent = journal.told.filter(({ kind }) => kind === 'inconsistent');
  expect(inconsistent).toEqual([]);
  for (const [seq, text] of journal.records()) {
    expect(text).toBe(model.texts[seq - 1]);
    expect(model.damaged.has(seq)).toBe(false);
    expect(model.purged.has(seq)).toBe(false);
  }
  expect(journal.nextSeq).toBe(model.texts.length + 1);
  expect(journal.verify().misfits).toEqual([]);
  const blocks = journal.limits.whenFull === 'block';
  for (const cursor of journal.reader.cursors()) {
    const name = cursor.endpoint as Name;
    expect(cursor).toMatchObject(model.taken[name]);
    expect(balance(cursor, journal.nextSeq).unaccounted).toBe(0);
    const owed = journal.records(cursor.seq);
    const expected = model.texts
      .map((_, i) => i + 1)
      .filter((seq) => seq >= cursor.seq && !model.damaged.has(seq) && !model.purged.has(seq));
    if (blocks) expect([...owed.keys()]).toEqual(expected);
    expect(cursor.backlogRecords).toBe(owed.size);
    expect(journal.reader.deadLetters(name, 1_000)).toHaveLength(model.taken[name].deadLettered);
  }
}
