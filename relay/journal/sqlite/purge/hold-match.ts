import { globTest } from '../../../record/glob.ts';
import type { HoldScope } from '../../retention-store.ts';
import type { RecordView } from './record-view.ts';

/** What can be asked of a batch without looking into it. */
export interface BatchOutline {
  readonly datasets: readonly string[];
  readonly received_first_ms: number;
  readonly received_last_ms: number;
  readonly event_first_ms: number;
  readonly event_last_ms: number;
}

export interface CompiledHold {
  /** `some`: only a look into the batch can tell. */
  readonly batch: (outline: BatchOutline) => 'all' | 'none' | 'some';
  readonly record: (view: RecordView, dataset: string) => boolean;
}

export function compileHold(scope: HoldScope): CompiledHold {
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = scope;
  const dataset = scope.dataset === undefined ? undefined : globTest(scope.dataset);
  const repository = scope.repository === undefined ? undefined : globTest(scope.repository);
  const inside = (ms: number | undefined): boolean => ms !== undefined && ms >= fromMs && ms < toMs;
  const timed = scope.fromMs !== undefined || scope.toMs !== undefined;
  return {
    batch(outline) {
      const wanted = dataset === undefined ? outline.datasets : outline.datasets.filter(dataset);
      if (outline.datasets.length > 0 && wanted.length === 0) return 'none';
      const overlaps = (first: number, last: number): boolean => first < toMs && last >= fromMs;
      const { received_first_ms, received_last_ms, event_first_ms, event_last_ms } = outline;
      if (!overlaps(received_first_ms, received_last_ms) && !overlaps(event_first_ms, event_last_ms)) return 'none';
      const whole = inside(received_first_ms) && inside(received_last_ms);
      const decided = scope.run === undefined && repository === undefined && wanted.length === outline.datasets.length;
      return decided && whole && outline.datasets.length > 0 ? 'all' : 'some';
    },
    record(view, name) {
      if (dataset !== undefined && !dataset(name)) return false;
      if (scope.run !== undefined && !view.values('run').includes(scope.run)) return false;
      if (repository !== undefined && !view.values('repository').some(repository)) return false;
      return !timed || inside(view.receivedMs) || inside(view.eventMs);
    },
  };
}
