import type { StoredJob } from '../../journal/runs.ts';
import type { JobLine } from './job-line.ts';
import { arrivals, type LineSource } from './job-lines.ts';

export interface LinePageQuery {
  /** Lines from this place in the journal on; without it from the job's first one. */
  readonly fromSeq?: number | undefined;
  /** The last lines before this place, instead. */
  readonly beforeSeq?: number | undefined;
  readonly limit: number;
  /** Only lines of this step. */
  readonly step?: number | undefined;
}

export interface LinePage {
  readonly lines: readonly JobLine[];
  /** To go on after, and before, these lines; undefined where there is nothing more of the job. */
  readonly nextSeq: number | undefined;
  readonly previousSeq: number | undefined;
}

/** However many lines were asked for, a page is not much larger than this. */
const BYTES_MAX = 4 * 1_048_576;
/** How far it is first looked back, in places. */
const LOOK_BACK = 4_096;

/** A part of a job's log for somebody who scrolls through it: in the order in which the journal got the lines, from anywhere. */
export async function linePage(source: LineSource, job: StoredJob, query: LinePageQuery): Promise<LinePage> {
  const { firstSeq = 0, lastSeq = -1 } = job;
  const lines =
    query.beforeSeq === undefined
      ? await linesFrom(source, job, query)
      : await linesBefore(source, job, query, query.beforeSeq);
  const first = lines.at(0)?.seq;
  const last = lines.at(-1)?.seq;
  return {
    lines,
    nextSeq: last !== undefined && last < lastSeq ? last + 1 : undefined,
    previousSeq: first !== undefined && first > firstSeq ? first : undefined,
  };
}

async function linesFrom(
  source: LineSource,
  job: StoredJob,
  { fromSeq = 0, limit, step }: LinePageQuery,
): Promise<JobLine[]> {
  const lines: JobLine[] = [];
  let bytes = 0;
  for await (const some of arrivals(source, job, fromSeq)) {
    for (const line of some) {
      if (step !== undefined && line.step !== step) continue;
      lines.push(line);
      bytes += line.bytes.length;
      if (lines.length >= limit || bytes >= BYTES_MAX) return lines;
    }
  }
  return lines;
}

async function linesBefore(
  source: LineSource,
  job: StoredJob,
  { limit, step }: LinePageQuery,
  beforeSeq: number,
): Promise<JobLine[]> {
  const { firstSeq = 0 } = job;
  for (let back = LOOK_BACK; ; back *= 4) {
    const start = Math.max(firstSeq, beforeSeq - back);
    const lines: JobLine[] = [];
    for await (const some of arrivals(source, { ...job, lastSeq: Math.min(job.lastSeq ?? -1, beforeSeq - 1) }, start)) {
      lines.push(...some.filter((line) => line.seq < beforeSeq && (step === undefined || line.step === step)));
      // Only the last ones are wanted.
      if (lines.length > 2 * limit) lines.splice(0, lines.length - limit);
    }
    if (lines.length >= limit || start <= firstSeq) return withinBytes(lines.slice(-limit));
  }
}

/** The last of these lines that are not too much together, one at least. */
function withinBytes(lines: readonly JobLine[]): JobLine[] {
  let bytes = 0;
  let from = lines.length;
  while (from > 0 && (from === lines.length || bytes + lines[from - 1]!.bytes.length <= BYTES_MAX))
    bytes += lines[--from]!.bytes.length;
  return lines.slice(from);
}

/** A line as the API shows it. */
export function lineView({ seq, page, offset, part, stamp, step, text, filled }: JobLine) {
  return {
    seq,
    page,
    offset,
    ...(part > 1 ? { part } : {}),
    time: stamp,
    step,
    text: text.toString('utf8'),
    ...(filled ? { filled } : {}),
  };
}
