import { createHash } from 'node:crypto';
import type { Chance } from './chance.ts';

/** How much a job prints, and how long it takes. */
export interface Workload {
  readonly jobMs: number;
  /** The most lines a second of a step that prints steadily. */
  readonly linesPerSecondMax: number;
  /** The most lines of a step that prints all at once. */
  readonly burstLinesMax: number;
}

export interface PlannedStep {
  /** The step's `Action.Id`: its pages are named by it. */
  readonly record: string;
  readonly displayName: string;
  /** How the job message gives the name: not at all, as text, or as an expression that only the runner evaluates. */
  readonly naming: 'generated' | 'literal' | 'expression';
  /** `actions/checkout@v4`; a script otherwise. */
  readonly action: string | undefined;
  readonly script: string;
  readonly hasPre: boolean;
  readonly hasPost: boolean;
  readonly lines: number;
  readonly durationMs: number;
  readonly fails: boolean;
  /** Runs only where an earlier step failed. */
  readonly onlyOnFailure: boolean;
}

export interface JobPlan {
  readonly timeline: string;
  readonly jobRecord: string;
  readonly plan: string;
  readonly repository: string;
  readonly runId: string;
  readonly runAttempt: number;
  readonly runNumber: number;
  readonly workflow: string;
  readonly jobName: string;
  readonly event: string;
  readonly ref: string;
  readonly sha: string;
  readonly actor: string;
  readonly steps: readonly PlannedStep[];
  readonly hooks: boolean;
  readonly debug: boolean;
  readonly newline: '\n' | '\r\n';
}

/** Display names of steps. */
const titles = [
  'Check out',
  'Install',
  'Build',
  'Unit tests',
  'Lint',
  "It's \"quoted\", with 'quotes'",
  'Übersetzen 🚀',
  'Publish',
];
const jobNames = ['build', 'test (ubuntu, 24)', 'deploy / staging', 'Prüfung'];
const scripts = [
  'npm ci',
  'npm run build\nnpm test',
  'make -j4 all',
  'echo done',
  'dotnet test --no-build',
  'sleep 1',
  'true',
];
const actions = [
  'actions/checkout@v4',
  'actions/setup-node@v4',
  'docker/build-push-action@v6',
  'actions/upload-artifact@v4',
];

/**
 * The jobs of one run, made up. They share the run's timeline; a job's record and its steps' records are made from their names, so they
 * are the same in every run.
 */
export function planRun(chance: Chance, workload: Workload): JobPlan[] {
  const run = {
    timeline: chance.guid(),
    plan: chance.guid(),
    repository: chance.pick(['platform/api', 'platform/web', 'data/ingest', 'infra/terraform']),
    runId: String(chance.between(1_000_000, 9_999_999_999)),
    runAttempt: chance.between(1, 2),
    runNumber: chance.between(1, 4_000),
    workflow: chance.pick(['CI', 'Nightly build', '.github/workflows/release.yml']),
    event: chance.pick(['push', 'pull_request', 'schedule', 'workflow_dispatch']),
    ref: chance.pick(['refs/heads/main', 'refs/pull/17/merge', 'refs/tags/v1.2.3']),
    sha: chance.hex(40),
    actor: chance.pick(['octocat', 'jane-doe', 'dependabot[bot]']),
  };
  const first = chance.between(0, jobNames.length - 1);
  return Array.from({ length: chance.between(1, 3) }, (_, index) => {
    const jobName = jobNames[(first + index) % jobNames.length]!;
    return { ...run, jobName, jobRecord: guidOf(jobName), ...planJob(chance, workload, jobName) };
  });
}

function planJob(
  chance: Chance,
  workload: Workload,
  jobName: string,
): Pick<JobPlan, 'steps' | 'hooks' | 'debug' | 'newline'> {
  const count = chance.between(3, 8);
  const failing = chance.oneIn(6) ? chance.between(1, count - 1) : -1;
  return {
    steps: Array.from({ length: count }, (_, index) => ({
      ...planStep(chance, workload.jobMs / count, workload),
      record: guidOf(`${jobName}.${index}`),
      fails: index === failing,
      onlyOnFailure: index === count - 1 && chance.oneIn(3),
    })),
    hooks: chance.oneIn(2),
    debug: chance.oneIn(8),
    newline: chance.oneIn(6) ? '\r\n' : '\n',
  };
}

/** A GUID made from a name, of version 5. */
function guidOf(name: string): string {
  const hex = createHash('sha1').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function planStep(
  chance: Chance,
  shareMs: number,
  { linesPerSecondMax, burstLinesMax }: Workload,
): Omit<PlannedStep, 'record' | 'fails' | 'onlyOnFailure'> {
  const action = chance.oneIn(3) ? chance.pick(actions) : undefined;
  const script = chance.pick(scripts);
  const naming = chance.pick(['generated', 'literal', 'literal', 'expression'] as const);
  const generated = `Run ${action ?? script.split('\n', 1)[0]}`;
  return {
    displayName:
      naming === 'generated' ? generated : `${chance.pick(titles)}${naming === 'expression' ? ' on linux' : ''}`,
    naming,
    action,
    script,
    hasPre: action !== undefined && chance.oneIn(4),
    hasPost: action !== undefined && chance.oneIn(2),
    ...volume(chance, shareMs, linesPerSecondMax, burstLinesMax),
  };
}

function volume(
  chance: Chance,
  shareMs: number,
  linesPerSecondMax: number,
  burstLinesMax: number,
): { lines: number; durationMs: number } {
  const steadyMs = shareMs * 2 * chance.fraction();
  switch (chance.pick(['instant', 'instant', 'burst', 'steady', 'slow'])) {
    case 'instant':
      return { lines: chance.between(0, 3), durationMs: 0 };
    case 'burst':
      return { lines: chance.between(Math.ceil(burstLinesMax / 10), burstLinesMax), durationMs: 200 };
    case 'steady':
      return { lines: Math.round((steadyMs / 1_000) * linesPerSecondMax * chance.fraction()), durationMs: steadyMs };
    default:
      return { lines: Math.round(steadyMs / chance.between(100, 400)), durationMs: steadyMs };
  }
}
