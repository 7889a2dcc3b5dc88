import type {
  GoneReason,
  JobChange,
  JobCheckpoint,
  JobDetail,
  JobKey,
  JobQuery,
  JobRow,
  JobWithParts,
  PageQuery,
  PageRow,
  RunChanges,
  RunCheckpoints,
  RunReading,
  StepRow,
  StoredJob,
} from '../runs.ts';
import type { Sqlite, Statement } from './database.ts';

/** The columns of `job`, by the names that they have outside. `detail` is JSON. */
const JOB_COLUMNS = {
  timeline: 'timeline',
  jobRecord: 'job_record',
  repository: 'repository',
  runId: 'run_id',
  runAttempt: 'run_attempt',
  runNumber: 'run_number',
  workflow: 'workflow',
  jobName: 'job_name',
  serverUrl: 'server_url',
  eventName: 'event_name',
  ref: 'ref',
  sha: 'sha',
  actor: 'actor',
  runnerName: 'runner_name',
  pod: 'pod',
  state: 'state',
  verdict: 'verdict',
  conclusion: 'conclusion',
  firstLineMs: 'first_line_ms',
  lastLineMs: 'last_line_ms',
  startedMs: 'started_ms',
  finishedMs: 'finished_ms',
  lastReceivedMs: 'last_received_ms',
  lines: 'lines',
  bytes: 'bytes',
  attributed: 'attributed',
  firstSeq: 'first_seq',
  lastSeq: 'last_seq',
} as const satisfies Readonly<Record<Exclude<keyof JobRow, 'detail'>, string>>;

const FIELDS = Object.keys(JOB_COLUMNS) as (keyof typeof JOB_COLUMNS)[];
const NAMES = [...Object.values(JOB_COLUMNS), 'detail', 'checkpoint'];
const SELECT_JOB = `SELECT id, gone_ms, gone_reason, gone_purge, ${NAMES.join(', ')} FROM job`;

/** A row as SQLite gives it. */
type Row = Readonly<Record<string, string | number | null>>;

/** Writes the tables of jobs. Within a transaction. */
export class RunWriter {
  readonly #putJob: Statement;
  readonly #putStep: Statement;
  readonly #putPage: Statement;
  readonly #putWorkerLog: Statement;
  readonly #forgetWorkerLogs: Statement;

  constructor(database: Sqlite) {
    // Lines have come again of one whose lines had gone.
    const updates = [...NAMES.map((name) => `${name} = excluded.${name}`), 'gone_ms = NULL'];
    this.#putJob = database
      .prepare(
        `INSERT INTO job (${NAMES.join(', ')}) VALUES (${NAMES.map(() => '?').join(', ')})
         ON CONFLICT (timeline, job_record) DO UPDATE SET ${updates.join(', ')} RETURNING id`,
      )
      .pluck();
    this.#putStep = database.prepare('INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#putPage = database.prepare('INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#putWorkerLog = database.prepare('INSERT OR REPLACE INTO worker_log VALUES (?, ?, ?)');
    this.#forgetWorkerLogs = database.prepare('DELETE FROM worker_log WHERE seen_ms < ?');
  }

  write(changes: RunChanges): void {
    for (const change of changes.jobs) this.#writeJob(change);
    for (const { key, seenMs, checkpoint } of changes.workerLogs) this.#putWorkerLog.run(key, seenMs, checkpoint);
    if (changes.forgetWorkerLogsBeforeMs !== undefined) this.#forgetWorkerLogs.run(changes.forgetWorkerLogsBeforeMs);
  }

  #writeJob({ job, steps, pages, checkpoint }: JobChange): void {
    const values = FIELDS.map((field) => job[field] ?? null);
    const id = Number(this.#putJob.get(...values, JSON.stringify(job.detail), checkpoint));
    for (const step of steps) {
      const { number, record, name, startedMs, finishedMs, conclusion, lines } = step;
      const times = [startedMs ?? null, finishedMs ?? null];
      this.#putStep.run(id, number, record ?? null, name, ...times, conclusion ?? null, lines);
    }
    for (const page of pages) {
      const { timeline, record, number, jobRecord, path, bytes, lines, gaps, rawSeq } = page;
      const taken = [bytes, lines, JSON.stringify(gaps)];
      this.#putPage.run(timeline, record, number, jobRecord, path, ...taken, rawSeq ?? null);
    }
  }
}

/** Reads the tables of jobs. */
export class RunReader implements RunReading {
  readonly #database: Sqlite;

  constructor(database: Sqlite) {
    this.#database = database;
  }

  jobs(query: JobQuery): StoredJob[] {
    const { sql, values } = conditionsOf(query);
    const rows = this.#database
      .prepare(`${SELECT_JOB} ${sql} ORDER BY last_received_ms DESC, id DESC LIMIT ?`)
      .all(...values, query.limit) as Row[];
    return rows.map(jobOf);
  }

  job({ timeline, jobRecord }: JobKey): JobWithParts | undefined {
    const row = this.#database
      .prepare(`${SELECT_JOB} WHERE timeline = ? AND job_record = ?`)
      .get(timeline, jobRecord) as Row | undefined;
    return row === undefined ? undefined : this.#withParts(row);
  }

  checkpoint({ timeline, jobRecord }: JobKey): JobCheckpoint | undefined {
    return this.#checkpoint('timeline = ? AND job_record = ?', timeline, jobRecord);
  }

  checkpointOfPage({ timeline, record, sender }: PageQuery): JobCheckpoint | undefined {
    const jobRecord = this.#database
      .prepare('SELECT job_record FROM page WHERE timeline = ? AND record = ? LIMIT 1')
      .pluck()
      .get(timeline, record);
    if (typeof jobRecord === 'string') return this.checkpoint({ timeline, jobRecord });
    if (sender === undefined) return undefined;
    const condition = `timeline = ? AND json_extract(checkpoint, '$.runner.source') = ? AND coalesce(started_ms, 0) <= ?`;
    return this.#checkpoint(condition, timeline, sender.source, sender.writtenMs ?? Number.MAX_SAFE_INTEGER);
  }

  checkpoints(): RunCheckpoints {
    const rows = this.#database.prepare(`${SELECT_JOB} WHERE state = 'running' ORDER BY id`).all() as Row[];
    const workerLogs = this.#database
      .prepare('SELECT key, seen_ms AS seenMs, checkpoint FROM worker_log ORDER BY seen_ms')
      .all() as RunCheckpoints['workerLogs'];
    return { jobs: rows.map((row) => this.#withCheckpoint(row)), workerLogs };
  }

  #checkpoint(condition: string, ...values: readonly (string | number)[]): JobCheckpoint | undefined {
    const row = this.#database
      .prepare(`${SELECT_JOB} WHERE ${condition} ORDER BY started_ms DESC LIMIT 1`)
      .get(...values) as Row | undefined;
    return row === undefined ? undefined : this.#withCheckpoint(row);
  }

  #withCheckpoint(row: Row): JobCheckpoint {
    return { ...this.#withParts(row), checkpoint: String(row['checkpoint']) };
  }

  #withParts(row: Row): JobWithParts {
    const job = jobOf(row);
    const steps = this.#database.prepare('SELECT * FROM step WHERE job_id = ? ORDER BY number').all(job.id) as Row[];
    const pages = this.#database
      .prepare('SELECT * FROM page WHERE timeline = ? AND job_record = ? ORDER BY record, number')
      .all(job.timeline, job.jobRecord) as Row[];
    return { job, steps: steps.map(stepOf), pages: pages.map(pageOf) };
  }
}

function conditionsOf(query: JobQuery): { readonly sql: string; readonly values: readonly (string | number)[] } {
  const given: (readonly [string, string | number | undefined])[] = [
    ['repository = ?', query.repository],
    ['run_id = ?', query.runId],
    ['run_attempt = ?', query.runAttempt],
    ['job_name = ?', query.jobName],
    ['verdict = ?', query.verdict],
    ['state = ?', query.state],
    ['last_received_ms >= ?', query.receivedFromMs],
    ['last_received_ms < ?', query.receivedBeforeMs],
  ];
  const set = given.filter((condition): condition is readonly [string, string | number] => condition[1] !== undefined);
  const sql = set.map(([condition]) => condition);
  const values = set.map(([, value]) => value);
  if (query.after !== undefined) {
    sql.push('(last_received_ms, id) < (?, ?)');
    values.push(query.after.lastReceivedMs, query.after.id);
  }
  return { sql: sql.length === 0 ? '' : `WHERE ${sql.join(' AND ')}`, values };
}

function jobOf(row: Row): StoredJob {
  const fields = FIELDS.map((field) => [field, row[JOB_COLUMNS[field]] ?? undefined]);
  // The columns have the types of the fields: the tables are STRICT, and the names are paired above.
  const job = Object.fromEntries(fields) as Omit<JobRow, 'detail'>;
  const detail = JSON.parse(String(row['detail'])) as JobDetail;
  return { ...job, id: Number(row['id']), detail, ...goneOf(row) };
}

function goneOf(row: Row): Pick<StoredJob, 'gone'> {
  const sinceMs = numberOf(row['gone_ms']);
  if (sinceMs === undefined) return {};
  return { gone: { sinceMs, reason: row['gone_reason'] as GoneReason, purge: numberOf(row['gone_purge']) } };
}

function stepOf(row: Row): StepRow {
  return {
    number: Number(row['number']),
    record: textOf(row['record']),
    name: String(row['name']),
    startedMs: numberOf(row['started_ms']),
    finishedMs: numberOf(row['finished_ms']),
    conclusion: textOf(row['conclusion']),
    lines: Number(row['lines']),
  };
}

function pageOf(row: Row): PageRow {
  return {
    timeline: String(row['timeline']),
    jobRecord: String(row['job_record']),
    record: String(row['record']),
    number: Number(row['number']),
    path: String(row['path']),
    bytes: Number(row['bytes']),
    lines: Number(row['lines']),
    gaps: JSON.parse(String(row['gaps'])) as [number, number][],
    rawSeq: numberOf(row['raw_seq']),
  };
}

function textOf(value: string | number | null | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: string | number | null | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
