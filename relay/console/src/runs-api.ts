import type { Tone } from './parts/tone.ts';

/** Shapes of the API's answers about runs; see docs/openapi.json. Times are ISO 8601. */

export type Verdict = 'open' | 'complete' | 'gaps' | 'cut' | 'unmapped';

export interface Job {
  readonly id: number;
  readonly repository?: string;
  readonly run_id?: string;
  readonly attempt?: number;
  readonly run_number?: number;
  readonly workflow?: string;
  readonly name?: string;
  readonly job_id: string;
  readonly timeline: string;
  readonly event?: string;
  readonly ref?: string;
  readonly sha?: string;
  readonly actor?: string;
  readonly runner?: string;
  readonly pod?: string;
  readonly state: 'running' | 'finished';
  readonly verdict: Verdict;
  readonly conclusion?: string;
  readonly started?: string;
  readonly finished?: string;
  readonly last_received: string;
  readonly lines: number;
  readonly bytes: number;
  readonly attributed_lines: number;
  readonly filled_lines: number;
  readonly gaps: readonly {
    readonly record: string;
    readonly number: number;
    readonly from: number;
    readonly to: number | null;
  }[];
  readonly notes: readonly string[];
  /** Where none of its lines is in the journal any more. */
  readonly gone?: { readonly since: string; readonly reason: string; readonly purge?: number };
}

export interface Step {
  readonly number: number;
  readonly name: string;
  readonly started?: string;
  readonly finished?: string;
  readonly conclusion?: string;
  readonly lines: number;
}

export interface JobWithSteps extends Job {
  readonly steps: readonly Step[];
}

export interface Run {
  readonly repository?: string;
  readonly run_id?: string;
  readonly attempt?: number;
  readonly run_number?: number;
  readonly workflow?: string;
  readonly event?: string;
  readonly ref?: string;
  readonly actor?: string;
  readonly verdict: Verdict;
  readonly last_received: string;
  readonly jobs: readonly Job[];
}

export interface LogLine {
  readonly seq: number;
  readonly time?: string;
  readonly step?: number;
  readonly text: string;
  readonly filled?: boolean;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  readonly next_seq?: number;
  readonly previous_seq?: number;
}

const VERDICTS: Readonly<Record<Verdict, readonly [Tone, string]>> = {
  open: ['info', 'The job is not over, or not all of it has arrived yet.'],
  complete: ['quiet', 'Every byte that the runner wrote is here.'],
  gaps: ['bad', 'Some of what the runner wrote never arrived.'],
  cut: ['warn', 'The runner ended in the middle; what it had written by then is here.'],
  unmapped: ['warn', 'The log is here; the Worker log that says whose it is never came.'],
};

export function verdictTone(verdict: Verdict): Tone {
  return VERDICTS[verdict][0];
}

export function verdictMeaning(verdict: Verdict): string {
  return VERDICTS[verdict][1];
}

const GONE: Readonly<Record<string, string>> = {
  purge: 'The lines of this job were purged.',
  quota: 'The lines of this job went, to keep the journal within its limits.',
  transient: 'The lines of this job were to be kept only until they were delivered.',
  damaged: 'The lines of this job were damaged.',
};

/** What there is of a job's log: by its verdict, unless its lines have gone since. */
export function logMeaning({ verdict, gone }: Pick<Job, 'verdict' | 'gone'>): string {
  if (gone?.purge !== undefined) return `The lines of this job were purged, by purge ${gone.purge}.`;
  return GONE[gone?.reason ?? ''] ?? verdictMeaning(verdict);
}

/** How worrying it is what a job or step came to. */
export function conclusionTone(conclusion: string): Tone {
  if (/^succe/i.test(conclusion)) return 'good';
  if (/^fail/i.test(conclusion)) return 'bad';
  return /^(skip|cancel)/i.test(conclusion) ? 'quiet' : 'warn';
}

const WORST_FIRST: readonly Tone[] = ['bad', 'warn', 'quiet', 'good'];

/** What the jobs of a run came to: the worst of it; undefined while none has ended. */
export function conclusionOf({ jobs }: Pick<Run, 'jobs'>): string | undefined {
  const rank = (conclusion: string): number => WORST_FIRST.indexOf(conclusionTone(conclusion));
  return jobs
    .flatMap(({ conclusion }) => conclusion ?? [])
    .toSorted((a, b) => rank(a) - rank(b))
    .at(0);
}
