/** A small job, as a runner writes of it. The simulator writes the same at full size; this is for tests of single parts. */
export const JOB = {
  timeline: 'd1013ef1-0d4e-48a2-8a1b-2608cde2958a',
  record: '8ef77051-5961-5bed-3e37-ed9f004d0fa2',
  steps: [
    { record: '11111111-1111-4111-8111-111111111111', name: 'Check out' },
    { record: '22222222-2222-4222-8222-222222222222', name: '' },
  ],
  setUp: '00000000-aaaa-4aaa-8aaa-000000000001',
  complete: '00000000-bbbb-4bbb-8bbb-000000000002',
} as const;

export const WORKER_PATH = '/home/runner/_diag/Worker_20261122-081459-utc.log';

const GITHUB: Readonly<Record<string, string>> = {
  repository: 'corp/web',
  run_id: '4711',
  run_number: '12',
  run_attempt: '1',
  workflow: 'ci',
  server_url: 'https://ghes.corp',
  event_name: 'push',
  ref: 'refs/heads/main',
  sha: 'a'.repeat(40),
  actor: 'mona',
};

export function trace(seconds: number, source: string, text: string): string {
  const at = new Date(Date.parse('2026-11-22T08:14:59Z') + seconds * 1_000).toISOString();
  return `[${at.slice(0, 10)} ${at.slice(11, 19)}Z INFO ${source}] ${text}`;
}

export interface WorkerLogOptions {
  readonly github?: Readonly<Record<string, string>>;
  readonly event?: unknown;
  readonly timeline?: string;
  readonly record?: string;
}

/** The lines of a Worker log: two steps of the workflow, a post step that is skipped, and a job that fails. */
export function workerLog(options: WorkerLogOptions = {}): string[] {
  const step = (seconds: number, name: string, ...rest: string[]): string[] => [
    trace(seconds, 'StepsRunner', `Processing step: DisplayName='${name}'`),
    ...rest.map((text) => trace(seconds + 1, 'StepsRunner', text)),
  ];
  return [
    trace(-1, 'HostContext', 'No proxy settings were found based on environmental variables'),
    trace(0, 'Worker', 'Message received.'),
    ...jobMessage(options),
    trace(0, 'JobRunner', `Job ID ${options.record ?? JOB.record}`),
    trace(1, 'JobRunner', 'Total job steps: 2.'),
    ...step(1, "Check out the 'main' branch", "No need for updating job result with current step result 'Succeeded'."),
    ...step(3, 'Run npm test', "Update job result with current step result 'Failed'."),
    ...step(
      5,
      'Post Check out',
      'Skipping step due to condition evaluation.',
      "No need for updating job result with current step result 'Skipped'.",
    ),
    trace(7, 'JobRunner', 'Finalize job.'),
    trace(8, 'JobRunner', 'Job result after all job steps finish: Failed'),
    trace(9, 'Worker', 'Job completed.'),
  ];
}

function jobMessage(options: WorkerLogOptions): string[] {
  const github = { ...GITHUB, ...options.github };
  const message = {
    fileTable: ['.github/workflows/ci.yml'],
    mask: [{ type: 'regex', value: '***' }],
    steps: [
      {
        type: 'action',
        reference: { type: 'repository', name: 'actions/checkout', ref: 'v4' },
        displayNameToken: { type: 0, file: 1, line: 9, col: 9, lit: JOB.steps[0].name },
        contextName: '__actions_checkout',
        id: JOB.steps[0].record,
        name: '__actions_checkout',
      },
      {
        type: 'action',
        reference: { type: 'script' },
        displayNameToken: { type: 3, expr: "format('{0}', env.x)" },
        id: JOB.steps[1].record,
        name: '__run',
      },
    ],
    variables: { 'system.runnerGroupName': { value: 'Default' } },
    messageType: 'PipelineAgentJobRequest',
    plan: { planType: 'Actions', planId: JOB.timeline, definition: { id: 3, name: 'x' } },
    timeline: { id: options.timeline ?? JOB.timeline, changeId: 5, location: null },
    jobId: options.record ?? JOB.record,
    jobDisplayName: 'build',
    jobName: '__default',
    contextData: {
      github: {
        t: 2,
        d: [
          ...Object.entries(github).map(([k, v]) => ({ k, v })),
          { k: 'event', v: { t: 2, d: [{ k: 'payload', v: options.event ?? {} }] } },
        ],
      },
      empty: {},
    },
  };
  const [first = '', ...rest] = JSON.stringify(message, undefined, 2).split('\n');
  return [trace(0, 'Worker', 'Job message:'), ` ${first}`, ...rest];
}

/** One line of a page or a Worker log, as a tailer sends it. */
export interface TailedLine {
  readonly file: string;
  readonly offset: number;
  readonly log: string;
}

/** The records that a tailer makes of a file's whole lines: the ending is cut off, an unended last line is not sent. */
export function tailed(file: string, content: string | Buffer): TailedLine[] {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const lines: TailedLine[] = [];
  for (let start = 0; start < bytes.length;) {
    const lf = bytes.indexOf(0x0a, start);
    if (lf < 0) break;
    const end = lf > start && bytes[lf - 1] === 0x0d ? lf - 1 : lf;
    lines.push({ file, offset: start, log: bytes.toString('utf8', start, end) });
    start = lf + 1;
  }
  return lines;
}

export function pagePath(record: string, number = 1, timeline: string = JOB.timeline): string {
  return `/home/runner/_diag/pages/${timeline}_${record}_${number}.log`;
}

/** What one step writes: the second at which it begins, and its messages. */
export interface ScriptedStep {
  readonly record: string;
  readonly second: number;
  readonly messages: readonly string[];
}

/** The steps of `workerLog`. */
export const SCRIPT: readonly ScriptedStep[] = [
  { record: JOB.setUp, second: 0, messages: ["Current runner version: '2.336.0'", 'Prepare all required actions'] },
  {
    record: JOB.steps[0].record,
    second: 1,
    messages: ['##[group]Run actions/checkout@v4', 'Syncing repository', '##[endgroup]'],
  },
  {
    record: JOB.steps[1].record,
    second: 3,
    messages: ['##[group]Run npm test', 'first\nsecond\n\nfourth', 'äöü ✓', '##[error]1'],
  },
  { record: JOB.complete, second: 7, messages: ['Cleaning up orphan processes'] },
];

/** The pages of a job: each line in its step's and, a moment later, in the job's. */
export function pagesOf(
  script: readonly ScriptedStep[] = SCRIPT,
  options: {
    readonly newline?: string;
    readonly record?: string;
    readonly timeline?: string;
    readonly skewMs?: number;
  } = {},
): Map<string, string> {
  const { newline = '\n', record: jobRecord = JOB.record, timeline, skewMs = 0 } = options;
  const pages = new Map<string, string>();
  const write = (record: string, line: string): void => {
    const path = pagePath(record, 1, timeline);
    pages.set(path, `${pages.get(path) ?? '\ufeff'}${line}${newline}`);
  };
  const start = Date.parse('2026-11-22T08:14:59Z') + skewMs;
  for (const { record, second, messages } of script) {
    for (const [i, message] of messages.entries()) {
      const at = new Date(start + second * 1_000 + 100 + i * 10).toISOString().slice(0, -1);
      write(record, `${at}1234Z ${message}`);
      write(jobRecord, `${at}5678Z ${message}`);
    }
  }
  return pages;
}
