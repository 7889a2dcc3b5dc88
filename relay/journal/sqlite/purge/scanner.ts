import type { Clock } from '../../../io/clock.ts';
import { forEachLine } from '../../../record/lines.ts';
import type { HoldScope, PurgePlan, PurgeTally, StepBudget } from '../../retention-store.ts';
import { BATCH_COLUMNS, intactLines, type BatchRow } from '../batch-row.ts';
import { contentHash } from '../chain.ts';
import { encodePayload } from '../codec.ts';
import type { Sqlite, Statement } from '../database.ts';
import { countIn, joinTallies, NO_TALLY } from './tally.ts';
import { Selector } from './selector.ts';

/** What is to become of one batch. */
export interface PurgeChange {
  readonly firstSeq: number;
  readonly records: number;
  /** The content that this was decided on: another one must be looked at anew. */
  readonly contentBefore: Uint8Array;
  readonly taken: number;
  /** Of those taken, the places that some endpoint had not come to. */
  readonly owedSeqs: readonly number[];
  /** What the batch is from now on; undefined: it goes. */
  readonly rewritten: Rewritten | undefined;
}

export interface Rewritten {
  readonly payload: Uint8Array;
  readonly encoding: string;
  readonly lineBytes: number;
  readonly contentAfter: Uint8Array;
  readonly datasets: string;
  /** Places without a record, of this purge and of earlier ones. */
  readonly absent: number;
}

export interface ScanStep {
  readonly fromSeq: number;
  readonly nextSeq: number;
  readonly done: boolean;
  readonly changes: readonly PurgeChange[];
  readonly tally: PurgeTally;
  /** What this was decided on: where one has changed, it must be decided anew. */
  readonly holdVersion: string;
  readonly lowestSeq: number;
}

interface Outline extends Omit<BatchRow, 'payload' | 'datasets'> {
  readonly datasets: string;
}

const OUTLINE_COLUMNS = `first_seq, records, received_first_ms, received_last_ms, event_first_ms, event_last_ms, datasets`;
const LF = Buffer.from('\n');
/** Batches passed over without a look inside, in one step. */
const PASSED_MAX = 5_000;

/**
 * Looks for what a purge takes, and makes what is left of the batches that it takes from: all the work that need not hold up the writer.
 * Synchronous, for the thread that owns the connection.
 */
export class Scanner {
  readonly #database: Sqlite;
  readonly #clock: Clock;
  readonly #compressionLevel: number;
  readonly #outlines: Statement;
  readonly #row: Statement;

  constructor(database: Sqlite, clock: Clock, compressionLevel: number) {
    this.#database = database;
    this.#clock = clock;
    this.#compressionLevel = compressionLevel;
    this.#outlines = database.prepare(
      `SELECT ${OUTLINE_COLUMNS} FROM batch NOT INDEXED WHERE first_seq >= ? AND first_seq < ? ORDER BY first_seq`,
    );
    this.#row = database.prepare(`SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED WHERE first_seq = ?`);
  }

  /** All of it is of one moment. */
  scan(plan: PurgePlan, fromSeq: number, budget: StepBudget): ScanStep {
    this.#database.exec('BEGIN');
    try {
      return this.#scan(plan, fromSeq, budget);
    } finally {
      this.#database.exec('ROLLBACK');
    }
  }

  #scan(plan: PurgePlan, fromSeq: number, budget: StepBudget): ScanStep {
    const startMs = this.#clock.monotonicMs();
    const { version, scopes } = readHolds(this.#database);
    const lowestSeq = lowestCursor(this.#database);
    const selector = new Selector(plan.rules, scopes, lowestSeq);
    const changes: PurgeChange[] = [];
    let tally = NO_TALLY;
    let nextSeq = fromSeq;
    let passed = 0;
    let done = true;
    for (const outline of this.#outlines.iterate(fromSeq, plan.untilSeq) as IterableIterator<Outline>) {
      const spent = this.#clock.monotonicMs() - startMs >= budget.lookMs;
      if (nextSeq > fromSeq && (spent || changes.length >= budget.batchesMax || passed >= PASSED_MAX)) {
        done = false;
        break;
      }
      passed++;
      const found = this.#look(selector, outline, lowestSeq);
      if (found.change !== undefined) changes.push(found.change);
      tally = found.change === undefined ? addLooked(tally, found.tally) : joinTallies(tally, found.tally);
      nextSeq = outline.first_seq + outline.records;
    }
    return {
      fromSeq,
      nextSeq: done ? Math.max(nextSeq, plan.untilSeq) : nextSeq,
      done,
      changes,
      tally,
      holdVersion: version,
      lowestSeq,
    };
  }

  #look(selector: Selector, outline: Outline, lowestSeq: number): { change?: PurgeChange; tally: PurgeTally } {
    const known = { ...outline, datasets: Object.keys(JSON.parse(outline.datasets) as object) };
    const looked = { ...NO_TALLY, looked: outline.records };
    if (!selector.mayTake(known)) return { tally: looked };
    const row = this.#row.get(outline.first_seq) as BatchRow;
    let lines: Buffer;
    try {
      lines = intactLines(row);
    } catch {
      // A damaged batch is for whoever reads it to set aside: a purge must not do away with the proof.
      return { tally: looked };
    }
    const holds = selector.holdsFor(known);
    const sorted = new Sorted(outline.first_seq, lowestSeq);
    forEachLine(lines, (start, end, index) => {
      const seq = outline.first_seq + index;
      const at = { seq, receivedLastMs: outline.received_last_ms, holds };
      sorted.add(selector.decide(lines, start, end, at), seq, start, end);
    });
    if (sorted.taken === 0) return { tally: { ...looked, held: sorted.held, undelivered: sorted.undelivered } };
    return this.#changeOf(row, lines, sorted);
  }

  #changeOf(row: BatchRow, lines: Buffer, sorted: Sorted): { change: PurgeChange; tally: PurgeTally } {
    const rewritten = sorted.kept.length === 0 ? undefined : this.#rewrite(row, lines, sorted);
    const change = {
      firstSeq: row.first_seq,
      records: row.records,
      contentBefore: row.payload_hash,
      taken: sorted.taken,
      owedSeqs: sorted.owedSeqs,
      rewritten,
    };
    const tally = {
      ...sorted.tally(),
      looked: row.records,
      lineBytes: row.line_bytes - (rewritten?.lineBytes ?? 0),
      storedBytes: row.payload_bytes - (rewritten?.payload.length ?? 0),
      batchesRemoved: rewritten === undefined ? 1 : 0,
      batchesRewritten: rewritten === undefined ? 0 : 1,
      firstSeq: row.first_seq,
      endSeq: row.first_seq + row.records,
    };
    return { change, tally };
  }

  /** The lines that stay, each at its place: an empty line stands for one that went. */
  #rewrite(row: BatchRow, lines: Buffer, sorted: Sorted): Rewritten {
    const parts: Buffer[] = [];
    let place = row.first_seq;
    for (const { seq, start, end } of sorted.kept) {
      for (; place < seq; place++) parts.push(LF);
      parts.push(lines.subarray(start, end + 1));
      place++;
    }
    for (; place < row.first_seq + row.records; place++) parts.push(LF);
    const left = Buffer.concat(parts);
    const payload = encodePayload(left, this.#compressionLevel);
    const datasets = JSON.parse(row.datasets) as Record<string, number>;
    const counts = Object.entries(datasets).map(([name, count]) => [name, count - (sorted.datasets.get(name) ?? 0)]);
    return {
      payload: payload.bytes,
      encoding: payload.encoding,
      lineBytes: left.length,
      contentAfter: contentHash(payload.bytes),
      datasets: JSON.stringify(Object.fromEntries(counts.filter(([, count]) => Number(count) > 0))),
      absent: row.records - sorted.kept.length,
    };
  }
}

/** Most batches are only looked at, and there are many. */
function addLooked(tally: PurgeTally, more: PurgeTally): PurgeTally {
  return {
    ...tally,
    looked: tally.looked + more.looked,
    held: tally.held + more.held,
    undelivered: tally.undelivered + more.undelivered,
  };
}

/** The records of one batch, sorted into those that go and those that stay. */
class Sorted {
  taken = 0;
  held = 0;
  undelivered = 0;
  readonly kept: { readonly seq: number; readonly start: number; readonly end: number }[] = [];
  readonly owedSeqs: number[] = [];
  readonly datasets = new Map<string, number>();
  readonly #rules = new Map<string, number>();
  readonly #operations = new Map<string, number>();
  readonly #firstSeq: number;
  readonly #lowestSeq: number;

  constructor(firstSeq: number, lowestSeq: number) {
    this.#firstSeq = firstSeq;
    this.#lowestSeq = lowestSeq;
  }

  add(verdict: ReturnType<Selector['decide']>, seq: number, start: number, end: number): void {
    if (verdict.kind !== 'goes') {
      this.kept.push({ seq, start, end });
      if (verdict.kind === 'held') this.held++;
      if (verdict.kind === 'undelivered') this.undelivered++;
      return;
    }
    this.taken++;
    if (seq >= this.#lowestSeq) this.owedSeqs.push(seq);
    countIn(this.datasets, verdict.dataset);
    countIn(this.#rules, verdict.rule);
    if (verdict.operation !== undefined) countIn(this.#operations, verdict.operation);
  }

  tally(): PurgeTally {
    return {
      ...NO_TALLY,
      records: this.taken,
      held: this.held,
      undelivered: this.undelivered,
      rules: Object.fromEntries(this.#rules),
      datasets: Object.fromEntries(this.datasets),
      operations: Object.fromEntries(this.#operations),
      firstSeq: this.#firstSeq,
    };
  }
}

/** The holds in force, and a name for the state of that list. */
export function readHolds(database: Sqlite): { readonly version: string; readonly scopes: HoldScope[] } {
  const rows = database.prepare('SELECT id, scope FROM hold WHERE lifted_ms IS NULL ORDER BY id').all() as {
    id: number;
    scope: string;
  }[];
  return {
    version: rows.map(({ id }) => id).join(' '),
    scopes: rows.map(({ scope }) => JSON.parse(scope) as HoldScope),
  };
}

/** The first place that some endpoint still waits for; with no endpoint at all nothing is owed. */
export function lowestCursor(database: Sqlite): number {
  const seq = database.prepare('SELECT min(seq) FROM cursor').pluck().get();
  return typeof seq === 'number' ? seq : Number.MAX_SAFE_INTEGER;
}
