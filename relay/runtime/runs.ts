import { isStored, type Config } from '../config/config.ts';
import type { Clock } from '../io/clock.ts';
import type { Journal } from '../journal/journal.ts';
import type { JobVerdict } from '../journal/runs.ts';
import type { Dataset } from '../record/recorder.ts';
import { JOB_DATASET, LINE_DATASET, PAGE_DATASET, WORKER_DATASET, type RunnerDatasets } from '../record/runner-file.ts';
import { RUNS_CURSOR, RunsConsumer, type ConsumerEvents, type LineSink } from '../runs/consumer.ts';
import type { Job } from '../runs/job.ts';
import type { Log, LogFields } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface RunsWorld {
  readonly journal: Journal;
  readonly sink: LineSink;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the lines of runners' files are stored as: kept only until they were put together. */
export const RAW_DATASETS: RunnerDatasets = {
  page: { name: PAGE_DATASET, stored: false },
  worker: { name: WORKER_DATASET, stored: false },
};

/** Jobs being put together. Each thing that happens has one function here: it logs and it counts. */
export class Runs implements ConsumerEvents {
  readonly consumer: RunsConsumer;
  readonly ended = new Map<JobVerdict, number>();
  unattributed = 0;
  silences = 0;
  reliefs = 0;
  /** Told of each job whose log is not all there. */
  onIncomplete: (job: Job) => void = () => {};
  readonly #log: Log;

  constructor({ runs: options, store }: Config, { journal, sink, clock, log }: RunsWorld) {
    this.#log = log;
    const dataset = (name: string): Dataset => ({ name, stored: isStored(store, name) });
    this.consumer = new RunsConsumer({
      journal,
      sink,
      clock,
      events: this,
      assembly: {
        attributionWaitMs: options.attribution_wait_ms,
        identityWaitMs: options.identity_wait_ms,
        orderWaitMs: options.order_wait_ms,
        silenceWarningMs: options.silence_warning_ms,
        unfinishedWarningMs: options.unfinished_warning_ms,
        heldBytesMax: options.held_bytes_max,
        jobsMax: options.jobs_max,
        pageBytes: options.page_bytes,
      },
      lines: dataset(LINE_DATASET),
      summaries: dataset(JOB_DATASET),
    });
  }

  finished(job: Job): void {
    this.ended.set(job.verdict, (this.ended.get(job.verdict) ?? 0) + 1);
    this.unattributed += job.lines - job.attributed;
    const fields = { ...fieldsOf(job), verdict: job.verdict, lines: job.lines };
    if (job.verdict === 'complete') this.#log.debug('the log of a job is complete', fields);
    else {
      this.#log.warn('the log of a job is not all there', fields);
      this.onIncomplete(job);
    }
  }

  silent(job: Job): void {
    this.silences++;
    this.#log.warn('a job has sent nothing for long', fieldsOf(job));
  }

  unfinished(job: Job): void {
    this.#log.warn('a job never ended; nothing more is waited for', fieldsOf(job));
  }

  relieved(job: Job, heldBytes: number): void {
    this.reliefs++;
    this.#log.warn('too many lines of jobs waited for others; some were let go', {
      ...fieldsOf(job),
      bytes: heldBytes,
    });
  }

  readFailed(reason: string): void {
    this.#log.error('the journal could not be read for the assembly of jobs; it is tried again', { reason });
  }
}

/** A job is named by its GUIDs: all else about it was written by people. */
function fieldsOf({ timeline, jobRecord }: Job): LogFields {
  return { timeline, ...(jobRecord === undefined ? {} : { job_record: jobRecord }) };
}

/** Lets go of the assembly's cursor where jobs are not assembled, so that it does not keep the journal's records. */
export async function giveUpRuns(journal: Journal, log: Log): Promise<void> {
  const cursor = await journal.openCursor(RUNS_CURSOR, 'end');
  if (cursor.backlogRecords === 0) return journal.removeCursor(RUNS_CURSOR);
  log.error('lines of runners were received and not put together; set runs.enabled until they are', {
    backlog_records: cursor.backlogRecords,
  });
}

export function registerRunsMetrics(metrics: Metrics, runs: Runs): void {
  const { consumer } = runs;
  const one = (read: () => number) => () => [{ labels: {}, value: read() }];
  metrics.gauge(
    'spillway_runs_open_jobs',
    'Jobs at work.',
    [],
    one(() => consumer.assembler.jobs.size),
  );
  metrics.gauge(
    'spillway_runs_held_bytes',
    'Memory of lines that wait for others, or for their step.',
    [],
    one(() => consumer.assembler.heldBytes),
  );
  metrics.counter(
    'spillway_runs_received_lines_total',
    'Lines of runners’ files taken in.',
    [],
    one(() => consumer.rawLines),
  );
  metrics.counter(
    'spillway_runs_lines_total',
    'Lines of jobs written.',
    [],
    one(() => consumer.lines),
  );
  metrics.counter(
    'spillway_runs_repeated_lines_total',
    'Lines of runners’ files that came again and were dropped.',
    [],
    one(() => consumer.assembler.repeats),
  );
  metrics.counter(
    'spillway_runs_unattributed_lines_total',
    'Lines of ended jobs whose step is not known.',
    [],
    one(() => runs.unattributed),
  );
  metrics.counter(
    'spillway_runs_silences_total',
    'Warnings of jobs that sent nothing for long.',
    [],
    one(() => runs.silences),
  );
  metrics.counter(
    'spillway_runs_reliefs_total',
    'Times that lines of a job were let go because too much waited.',
    [],
    one(() => runs.reliefs),
  );
  metrics.counter(
    'spillway_runs_ended_jobs_total',
    'Jobs that ended, by what can be said of their logs.',
    ['verdict'],
    () => [...runs.ended].map(([verdict, value]) => ({ labels: { verdict }, value })),
  );
}
