import { globTest } from '../../../record/glob.ts';
import { forEachLine, datasetOf } from '../../../record/lines.ts';
import type { Clock } from '../../../io/clock.ts';
import type { KeepPolicy } from '../../retention-store.ts';
import { BATCH_COLUMNS, intactLines, type BatchRow } from '../batch-row.ts';
import type { Sqlite } from '../database.ts';
import { compileHold, type CompiledHold } from './hold-match.ts';
import { RecordView } from './record-view.ts';
import { readHolds } from './scanner.ts';

/** A batch that is to make room. */
export interface Endangered {
  readonly first_seq: number;
  readonly datasets: string;
  readonly received_first_ms: number;
  readonly received_last_ms: number;
  readonly event_first_ms: number;
  readonly event_last_ms: number;
}

interface CompiledPolicy {
  readonly datasets: readonly ((name: string) => boolean)[];
  readonly keepMs: number | undefined;
}

/** Says which batches no limit may take: what a hold is on, and, where that was asked for, what a rule still keeps. */
export class Guard {
  readonly #database: Sqlite;
  readonly #clock: Clock;
  #holds: readonly CompiledHold[] = [];
  #policy: readonly CompiledPolicy[] = [];
  /** Told when the holds have changed. */
  onReload: () => void = () => {};
  /** What was looked into and found to be held, or not. */
  readonly #known = new Map<number, boolean>();

  constructor(database: Sqlite, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    this.reload();
  }

  set policy({ rules }: KeepPolicy) {
    this.#policy = rules.map(({ datasets, keepMs }) => ({ datasets: datasets.map(globTest), keepMs }));
  }

  /** Reads the holds again. */
  reload(): void {
    this.#holds = readHolds(this.#database).scopes.map(compileHold);
    this.#known.clear();
    this.onReload();
  }

  /** True where nothing is ever kept, so that nobody need ask. */
  get idle(): boolean {
    return this.#holds.length === 0 && this.#policy.length === 0;
  }

  holds(batch: Endangered): boolean {
    if (this.#holds.length === 0) return false;
    const outline = { ...batch, datasets: datasetNames(batch) };
    const open: CompiledHold[] = [];
    for (const hold of this.#holds) {
      const verdict = hold.batch(outline);
      if (verdict === 'all') return true;
      if (verdict === 'some') open.push(hold);
    }
    return open.length > 0 && this.#looksHeld(batch.first_seq, open);
  }

  /** True where a rule says that some of it is to be kept for longer yet. By its datasets alone, so rather too often than too rarely. */
  stillKept(batch: Endangered): boolean {
    if (this.#policy.length === 0) return false;
    const nowMs = this.#clock.nowMs();
    return datasetNames(batch).some((name) =>
      this.#policy.some(
        ({ datasets, keepMs }) =>
          datasets.some((test) => test(name)) && (keepMs === undefined || batch.received_last_ms >= nowMs - keepMs),
      ),
    );
  }

  #looksHeld(firstSeq: number, holds: readonly CompiledHold[]): boolean {
    const known = this.#known.get(firstSeq);
    if (known !== undefined) return known;
    let held = false;
    try {
      const row = this.#database
        .prepare(`SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED WHERE first_seq = ?`)
        .get(firstSeq) as BatchRow;
      const lines = intactLines(row);
      forEachLine(lines, (start, end) => {
        held ||= holds.some((hold) => hold.record(new RecordView(lines, start, end), datasetOf(lines, start)));
      });
    } catch {
      // What cannot be read may be what the hold is about.
      held = true;
    }
    if (this.#known.size > 100_000) this.#known.clear();
    this.#known.set(firstSeq, held);
    return held;
  }
}

function datasetNames({ datasets }: Endangered): string[] {
  return Object.keys(JSON.parse(datasets) as object);
}
