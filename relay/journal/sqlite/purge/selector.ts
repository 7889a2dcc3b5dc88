import { datasetOf, LINE_HEAD } from '../../../record/lines.ts';
import type { HoldScope, PlannedRule } from '../../retention-store.ts';
import { compileHold, type BatchOutline, type CompiledHold } from './hold-match.ts';
import { compileRecordMatch, RecordView, type CompiledMatch } from './record-view.ts';

/** Certificates prove what purges did, so none takes them. */
export const CERTIFICATE_DATASET = 'spillway.certificate';

const HEAD = Buffer.from(LINE_HEAD);

export type Verdict =
  | { readonly kind: 'stays' | 'held' | 'undelivered' }
  | { readonly kind: 'goes'; readonly rule: string; readonly dataset: string; readonly operation: string | undefined };

const STAYS: Verdict = { kind: 'stays' };
const HELD: Verdict = { kind: 'held' };
const UNDELIVERED: Verdict = { kind: 'undelivered' };

interface CompiledRule extends PlannedRule {
  readonly compiled: CompiledMatch;
}

/** Decides about records by the rules of a plan, the holds, and how far the endpoints have come. */
export class Selector {
  readonly #rules: readonly CompiledRule[];
  readonly #holds: readonly CompiledHold[];
  /** The first place that some endpoint still waits for. */
  readonly #lowestSeq: number;

  constructor(rules: readonly PlannedRule[], holds: readonly HoldScope[], lowestSeq: number) {
    this.#rules = rules.map((rule) => ({ ...rule, compiled: compileRecordMatch(rule.match) }));
    this.#holds = holds.map(compileHold);
    this.#lowestSeq = lowestSeq;
  }

  /** False where nothing in a batch can go, by what is known of it without a look inside. */
  mayTake(outline: BatchOutline): boolean {
    const names = outline.datasets.length === 0 ? [''] : outline.datasets;
    return names.some((name) => name !== CERTIFICATE_DATASET && this.#mayTakeOf(name, outline.received_first_ms));
  }

  #mayTakeOf(dataset: string, receivedMs: number): boolean {
    for (const { compiled, beforeMs } of this.#rules) {
      if (!compiled.dataset(dataset)) continue;
      if (beforeMs !== undefined && receivedMs < beforeMs) return true;
      // It takes every record of this dataset for itself, and keeps them.
      if (compiled.datasetOnly) return false;
    }
    return false;
  }

  /** The holds that may keep something in a batch. */
  holdsFor(outline: BatchOutline): readonly CompiledHold[] {
    return this.#holds.filter((hold) => hold.batch(outline) !== 'none');
  }

  /** `holds` are those that `holdsFor` gave; `receivedLastMs` is the latest time at which a record of the batch was received. */
  decide(
    lines: Buffer,
    start: number,
    end: number,
    at: { readonly seq: number; readonly receivedLastMs: number; readonly holds: readonly CompiledHold[] },
  ): Verdict {
    const view = new RecordView(lines, start, end);
    // A line of ours begins with its dataset; any other is asked as a whole.
    const ours = lines.compare(HEAD, 0, HEAD.length, start, start + HEAD.length) === 0;
    const dataset = ours ? datasetOf(lines, start) : (view.values('dataset')[0] ?? '');
    if (dataset === CERTIFICATE_DATASET) return STAYS;
    const rule = this.#rules.find(
      ({ compiled }) => compiled.dataset(dataset) && (compiled.datasetOnly || compiled.record(view)),
    );
    if (rule?.beforeMs === undefined) return STAYS;
    const receivedMs = at.receivedLastMs < rule.beforeMs ? at.receivedLastMs : (view.receivedMs ?? at.receivedLastMs);
    if (receivedMs >= rule.beforeMs) return STAYS;
    if (at.holds.some((hold) => hold.record(view, dataset))) return HELD;
    if (at.seq >= this.#lowestSeq && rule.undelivered === 'keep') return UNDELIVERED;
    const named = lines.subarray(start, end);
    const operation =
      named.includes('"operation":') || named.includes('"action":') ? view.values('operation')[0] : undefined;
    return { kind: 'goes', rule: rule.name, dataset, operation };
  }
}
