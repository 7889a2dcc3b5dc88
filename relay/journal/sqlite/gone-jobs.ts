import type { Clock } from '../../io/clock.ts';
import { jobStream, runStream } from '../runs.ts';
import { BATCH_COLUMNS, intactLines, type BatchRow } from './batch-row.ts';
import type { Sqlite, Statement } from './database.ts';
import { StreamPlaces } from './stream-places.ts';

/** How often all jobs are gone through. */
const PASS_INTERVAL_MS = 3_600_000;
/** And when first: a start has other things to do. */
const FIRST_PASS_MS = 60_000;
/** Jobs looked at in one step, and how long it may take: somebody's commit waits for it. */
const JOBS_PER_STEP = 50;
const STEP_MS = 5;
/** Batches of a job that are looked at in one step: those that a purge has rewritten are unpacked to see what it left. */
const PLACES_MAX = 1_000;

interface Candidate {
  readonly id: number;
  readonly timeline: string;
  readonly job_record: string;
  readonly repository: string | null;
  readonly run_id: string | null;
  readonly first_seq: number | null;
  readonly last_seq: number | null;
}

const COLUMNS = 'id, timeline, job_record, repository, run_id, first_seq, last_seq';

/**
 * Keeps the tables of jobs from growing for ever. A job none of whose lines is left, whatever took them, is marked with when and why, and
 * stays in the lists for a while: whoever looks for it is told. Then its rows go. A line that a hold keeps, keeps its job.
 */
export class GoneJobs {
  readonly #clock: Clock;
  readonly #present: Statement;
  readonly #expired: Statement;
  readonly #mark: Statement;
  readonly #forget: readonly Statement[];
  readonly #forgetStream: Statement;
  readonly #rewritten: Statement;
  readonly #purgedBy: Statement;
  readonly #gapAt: Statement;
  readonly #places: StreamPlaces;
  readonly #onForgotten: () => void;
  #afterId = 0;
  #nextPassMs: number;

  /** `onForgotten` is told when names of streams may have gone. */
  constructor(database: Sqlite, clock: Clock, onForgotten: () => void) {
    this.#clock = clock;
    this.#onForgotten = onForgotten;
    this.#nextPassMs = clock.monotonicMs() + FIRST_PASS_MS;
    this.#places = new StreamPlaces(database);
    this.#present = database.prepare(
      `SELECT ${COLUMNS} FROM job INDEXED BY job_present WHERE gone_ms IS NULL AND state = 'finished' AND id > ? ORDER BY id LIMIT ?`,
    );
    this.#expired = database.prepare(
      `SELECT ${COLUMNS} FROM job INDEXED BY job_gone WHERE gone_ms IS NOT NULL AND gone_ms < ? AND state = 'finished' LIMIT ?`,
    );
    this.#mark = database.prepare('UPDATE job SET gone_ms = ?, gone_reason = ?, gone_purge = ? WHERE id = ?');
    this.#forget = [
      database.prepare('DELETE FROM step WHERE job_id = @id'),
      database.prepare('DELETE FROM page WHERE timeline = @timeline AND job_record = @job_record'),
      database.prepare('DELETE FROM job WHERE id = @id'),
    ];
    this.#forgetStream = database.prepare(
      'DELETE FROM stream WHERE name = ? AND NOT EXISTS (SELECT 1 FROM batch_stream WHERE stream_id = stream.id)',
    );
    this.#rewritten = database.prepare(
      `SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED WHERE first_seq = ?
         AND (streams_cut = 1 OR EXISTS (SELECT 1 FROM batch_absent a WHERE a.first_seq = batch.first_seq))`,
    );
    this.#purgedBy = database
      .prepare(
        `SELECT run_id FROM (SELECT run_id, first_seq + records AS end_seq FROM purge_item WHERE first_seq <= @seq
         ORDER BY first_seq DESC, run_id DESC LIMIT 1) WHERE end_seq > @seq`,
      )
      .pluck();
    this.#gapAt = database
      .prepare(
        `SELECT reason FROM (SELECT reason, first_seq + records AS end_seq FROM gap WHERE first_seq <= @seq
         ORDER BY first_seq DESC LIMIT 1) WHERE end_seq > @seq`,
      )
      .pluck();
  }

  /** True while there is something to look at. */
  get due(): boolean {
    return this.#clock.monotonicMs() >= this.#nextPassMs;
  }

  /** A short piece of the work, within a transaction. True where there is more of it now. */
  step(keptMs: number): boolean {
    if (this.#forgetExpired(this.#clock.nowMs() - keptMs)) return true;
    const jobs = this.#present.all(this.#afterId, JOBS_PER_STEP) as Candidate[];
    const untilMs = this.#clock.monotonicMs() + STEP_MS;
    for (const job of jobs) {
      this.#afterId = job.id;
      if (!this.#hasLines(job)) this.#markGone(job);
      if (this.#clock.monotonicMs() >= untilMs) return true;
    }
    if (jobs.length === JOBS_PER_STEP) return true;
    this.#afterId = 0;
    this.#nextPassMs = this.#clock.monotonicMs() + PASS_INTERVAL_MS;
    return false;
  }

  #forgetExpired(beforeMs: number): boolean {
    const expired = this.#expired.all(beforeMs, JOBS_PER_STEP) as Candidate[];
    const untilMs = this.#clock.monotonicMs() + STEP_MS;
    for (const job of expired) {
      const { repository, run_id: run } = job;
      for (const statement of this.#forget) statement.run(job);
      this.#forgetStream.run(jobStream(job));
      if (repository !== null && run !== null) this.#forgetStream.run(runStream(repository, run));
      if (this.#clock.monotonicMs() >= untilMs) break;
    }
    if (expired.length > 0) this.#onForgotten();
    return expired.length > 0;
  }

  #hasLines(job: Candidate): boolean {
    const { first_seq: first, last_seq: last } = job;
    if (first === null || last === null) return false;
    const places = this.#places.find(jobStream(job), first, last + 1, PLACES_MAX);
    if (places.length === PLACES_MAX) return true;
    return places.some((place) => {
      const row = this.#rewritten.get(place) as BatchRow | undefined;
      // The index tells of a batch that nobody has rewritten what is in it.
      if (row === undefined) return true;
      try {
        return intactLines(row).includes(job.job_record);
      } catch {
        // It is told of by whoever reads it; until then it may hold anything.
        return true;
      }
    });
  }

  #markGone({ id, last_seq: last }: Candidate): void {
    const purge: unknown = last === null ? undefined : this.#purgedBy.get({ seq: last });
    const gap: unknown = last === null ? undefined : this.#gapAt.get({ seq: last });
    // A batch that went for another reason than a purge has a gap that says so, though a purge may have been at it before.
    const reason = typeof gap === 'string' ? gap : purge === undefined ? 'empty' : 'purge';
    const by = reason === 'purge' && typeof purge === 'number' ? purge : null;
    this.#mark.run(this.#clock.nowMs(), reason, by, id);
  }
}
