import type { RunView } from '../../../admin/api/retention-views.ts';
import type { Tone } from '../parts/tone.ts';

/** The answer of `GET /api/v1/retention`. */
export interface RetentionState {
  readonly rules: readonly { readonly name: string; readonly keep_hours: number }[];
  readonly forecast: {
    readonly rules: readonly string[];
    readonly schedules: readonly string[];
    readonly window: string;
  };
  readonly schedules: readonly {
    readonly name: string;
    readonly cron: string;
    readonly from: 'config' | 'document';
    readonly set_by: string | null;
    readonly next_runs: readonly string[];
  }[];
  readonly active: RunView | null;
}

/** How worrying a purge's state is. */
export function purgeTone(state: RunView['state']): Tone {
  const tones = { running: 'info', waiting: 'quiet', done: 'good', stopped: 'warn', failed: 'bad' } as const;
  return tones[state];
}
