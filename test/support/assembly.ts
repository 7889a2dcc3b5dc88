import type { JobCheckpoint, RunCheckpoints, WorkerLogChange } from '../../relay/journal/runs.ts';
import { pageNameOf } from '../../relay/record/runner-file.ts';
import { Assembler, type AssemblerOptions } from '../../relay/runs/assembler.ts';
import type { Job } from '../../relay/runs/job.ts';
import { changeOf } from '../../relay/runs/job-change.ts';
import type { JobLine, RunnerInfo } from '../../relay/runs/job-types.ts';
import type { Pin } from '../../relay/runs/page-order.ts';
import type { RawLine } from '../../relay/runs/raw-line.ts';
import type { TailedLine } from './runner-log.ts';

export const PATIENCE: AssemblerOptions = {
  attributionWaitMs: 2_000,
  identityWaitMs: 10_000,
  orderWaitMs: 30_000,
  silenceWarningMs: 900_000,
  unfinishedWarningMs: 3_600_000,
  heldBytesMax: 1 << 26,
  jobsMax: 100,
  pageBytes: 8 << 20,
};

const ENDINGS = { lf: '\n', crlf: '\r\n', none: '' } as const;

/** A line that came out, as it would be written. */
export interface Out {
  readonly job: Job;
  readonly path: string;
  readonly offset: number;
  readonly text: string;
  readonly step: number | undefined;
  readonly stepName: string | undefined;
  readonly from: string;
  readonly mapped: boolean;
}

/** An assembler whose clock the test moves, with what the journal would keep for it: it can be killed and started again. */
export class Assembly {
  assembler: Assembler;
  nowMs = 0;
  seq = 0;
  readonly out: Out[] = [];
  readonly finished: Job[] = [];
  readonly told: string[] = [];
  readonly #options: AssemblerOptions;
  readonly #pins: { readonly pin: Pin; readonly line: TailedLine }[] = [];
  #jobs = new Map<string, JobCheckpoint>();
  #files = new Map<string, WorkerLogChange>();

  constructor(options: Partial<AssemblerOptions> = {}) {
    this.#options = { ...PATIENCE, ...options };
    this.assembler = this.#start();
  }

  #start(): Assembler {
    return new Assembler(this.#options, {
      silent: () => this.told.push('silent'),
      unfinished: () => this.told.push('unfinished'),
      relieved: () => this.told.push('relieved'),
    });
  }

  /** Takes lines in, as if they had been read from the journal, and writes what comes of it. */
  send(lines: readonly TailedLine[], runner: Partial<RunnerInfo> & { readonly offsets?: boolean } = {}): void {
    for (const { file, offset, log } of lines)
      this.add(file, runner.offsets === false ? undefined : offset, log, runner);
    this.write();
  }

  add(file: string, offset: number | undefined, log: string, given: Partial<RunnerInfo> = {}): void {
    const bytes = Buffer.from(log);
    const times = { receivedMs: this.nowMs, sinceMs: this.nowMs };
    const pin = { held: 0 };
    this.#pins.push({ pin, line: { file, offset: offset ?? -1, log } });
    const line = { seq: ++this.seq, offset, bytes, length: bytes.length, unended: false, pin, ...times };
    const runner = { source: 'pod', host: undefined, name: undefined, pod: undefined, fields: undefined, ...given };
    const name = pageNameOf(file);
    const raw: RawLine =
      name === undefined
        ? { kind: 'worker', path: file, runner, line }
        : { kind: 'page', name: { ...name, path: file }, runner, line };
    if (raw.kind === 'page' && !this.assembler.knows(raw)) {
      const stored = [...this.#jobs.values()].find(({ pages }) =>
        pages.some(({ timeline, record }) => timeline === raw.name.timeline && record === raw.name.record),
      );
      if (stored !== undefined) this.assembler.resumeFor(raw, stored, this.nowMs);
    }
    this.assembler.add(raw);
  }

  /** What the consumer does after each bite. */
  write(): void {
    this.#advance();
    const { lines, finished, changedJobs, changedFiles } = this.assembler.take();
    this.out.push(...lines.map(outOf));
    this.finished.push(...finished);
    for (const job of changedJobs) {
      const change = changeOf(job, { first: undefined, last: undefined });
      if (change === undefined) continue;
      const key = `${change.job.timeline}/${change.job.jobRecord}`;
      const before = this.#jobs.get(key);
      const steps = new Map([...(before?.steps ?? []), ...change.steps].map((step) => [step.number, step]));
      this.#jobs.set(key, { ...change, job: { ...change.job, id: 1 }, steps: [...steps.values()] });
    }
    for (const file of changedFiles) this.#files.set(file.key, file.change());
  }

  #advance(): void {
    this.assembler.advance(this.nowMs);
    while (this.assembler.wanted.size > 0) {
      for (const [name, key] of this.assembler.wanted) this.assembler.answer(key, this.#jobs.get(name), this.nowMs);
      this.assembler.advance(this.nowMs);
    }
  }

  wait(ms: number, stepMs = 1_000): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      this.nowMs += stepMs;
      this.write();
    }
  }

  /** Ends the process at once: only what was written is left. */
  kill(): void {
    const jobs = [...this.#jobs.values()].filter(({ job }) => job.state === 'running');
    const checkpoints: RunCheckpoints = JSON.parse(
      JSON.stringify({ jobs, workerLogs: [...this.#files.values()] }),
    ) as RunCheckpoints;
    this.assembler = this.#start();
    this.assembler.restore(checkpoints, this.nowMs);
  }

  /** The lines that the journal must keep. */
  get held(): TailedLine[] {
    return this.#pins.filter(({ pin }) => pin.held > 0).map(({ line }) => line);
  }

  get verdicts(): string[] {
    return this.finished.map(({ verdict }) => verdict);
  }

  /** The bytes of a page, put together from what came out. */
  page(path: string): string {
    return this.out
      .filter((line) => line.path === path)
      .map(({ text }) => text)
      .join('');
  }
}

function outOf({ job, line, path, step, from }: JobLine): Out {
  return {
    job,
    path,
    offset: line.offset,
    text: line.bytes.toString() + ENDINGS[line.ending],
    step: step?.number,
    stepName: step?.name,
    from,
    mapped: job.message !== undefined,
  };
}
