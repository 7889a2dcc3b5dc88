import { jobStream, type StoredJob } from '../../journal/runs.ts';
import { forEachLine } from '../../record/lines.ts';
import { comparePlaces, type JobLine, jobLineOf } from './job-line.ts';

/** Where lines are read from: the journal of a relay at work, or an archive. */
export interface LineSource {
  streamPlaces(stream: string, fromSeq: number, endSeq: number, limit: number): number[] | Promise<number[]>;
  readOne(seq: number): StoredLines | undefined | Promise<StoredLines | undefined>;
}

export interface StoredLines {
  readonly firstSeq: number;
  readonly records: number;
  /** Lines of ECS JSON, each ended by LF. */
  readonly lines: Buffer;
  readonly release?: () => void;
}

/** Asked for at once; a job of an hour has some thousands. */
const PLACES = 1_000;
/** The most memory for lines that came too late for their place. */
const LATE_BYTES_MAX = 64 * 1_048_576;

/** A job's lines in the order in which the journal got them, a batch at a time, from a place on. */
export async function* arrivals(source: LineSource, job: StoredJob, fromSeq: number): AsyncGenerator<JobLine[]> {
  if (job.firstSeq === undefined || job.lastSeq === undefined) return;
  const end = job.lastSeq + 1;
  for (let seq = Math.max(fromSeq, job.firstSeq); seq < end;) {
    const places = await source.streamPlaces(jobStream(job), seq, end, PLACES);
    for (const [index, place] of places.entries()) {
      // Where batches were merged meanwhile, one holds several of the places.
      if (index > 0 && place < seq) continue;
      const from = Math.max(place, seq);
      const batch = await source.readOne(from);
      seq = from + 1;
      if (batch === undefined) continue;
      const lines = linesOf(batch, job, Math.max(from, fromSeq));
      seq = Math.max(seq, batch.firstSeq + batch.records);
      batch.release?.();
      if (lines.length > 0) yield lines;
    }
    if (places.length < PLACES) return;
  }
}

function linesOf({ lines, firstSeq }: StoredLines, job: StoredJob, fromSeq: number): JobLine[] {
  const found: JobLine[] = [];
  let named = lines.indexOf(job.jobRecord);
  forEachLine(lines, (start, end, index) => {
    if (named >= 0 && named < start) named = lines.indexOf(job.jobRecord, start);
    if (named < 0 || named >= end || firstSeq + index < fromSeq) return;
    const line = jobLineOf(lines.toString('utf8', start, end), job, firstSeq + index);
    if (line !== undefined) found.push(line);
  });
  return found;
}

/**
 * A job's lines in the order of its pages, a batch at a time. Nearly always that is the order in which they came, and they are passed on
 * as they are read. Where something is missing in front of a line, it is looked once through all that follows for lines that came late.
 */
export async function* pageOrder(
  source: LineSource,
  job: StoredJob,
  onProblem: (problem: string) => void = () => {},
): AsyncGenerator<JobLine[]> {
  let late: JobLine[] | undefined;
  let position = { page: 1, offset: 0 };
  let last: JobLine | undefined;
  const collect = async (): Promise<JobLine[]> => (late ??= await lateLines(source, job, onProblem));
  if (job.detail.filledLines > 0) await collect();
  for await (const lines of arrivals(source, job, 0)) {
    const ordered: JobLine[] = [];
    for (const line of lines) {
      const isLate = last !== undefined && comparePlaces(line, last) < 0;
      if (isLate && late !== undefined) continue;
      const { offset = position.offset } = line;
      const isHole = line.part === 1 && (line.page > position.page ? offset > 0 : offset > position.offset);
      if (isHole) await collect();
      if (late !== undefined) ordered.push(...takeBefore(late, line));
      ordered.push(line);
      if (isLate) continue;
      last = line;
      const start = line.part > 1 ? position.offset : offset;
      position = { page: line.page, offset: start + line.bytes.length };
    }
    if (ordered.length > 0) yield ordered;
  }
  if (late !== undefined && late.length > 0) yield late;
}

/** Takes those lines off the front that stand before another one. */
function takeBefore(late: JobLine[], line: JobLine): JobLine[] {
  const until = late.findIndex((one) => comparePlaces(one, line) >= 0);
  return late.splice(0, until < 0 ? late.length : until);
}

/** The lines that came after one that stands behind them, in the order of the pages. */
async function lateLines(source: LineSource, job: StoredJob, onProblem: (problem: string) => void): Promise<JobLine[]> {
  const late: JobLine[] = [];
  let furthest: JobLine | undefined;
  let bytes = 0;
  for await (const lines of arrivals(source, job, 0)) {
    for (const line of lines) {
      if (furthest === undefined || comparePlaces(line, furthest) >= 0) {
        furthest = line;
        continue;
      }
      bytes += line.bytes.length;
      if (bytes > LATE_BYTES_MAX) {
        onProblem('more lines came late than can be put in order; the last of them are left out');
        return late.sort(comparePlaces);
      }
      late.push(line);
    }
  }
  return late.sort(comparePlaces);
}
