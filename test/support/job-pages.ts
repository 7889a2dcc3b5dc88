import type { HeldBatch } from '../../relay/journal/sqlite/messages.ts';
import { jobStream, runStream, type JobRow, type RunChanges } from '../../relay/journal/runs.ts';
import { heldBatch } from './journal-bench.ts';
import { jobRow, runChanges, stepRow } from './run-rows.ts';

const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z) /;
const BOM = Buffer.of(0xef, 0xbb, 0xbf);

/** A line of the journal, as the assembly writes it. */
export interface DerivedLine {
  readonly json: string;
  readonly offset: number;
}

/** The finished lines of a page, one for each of its physical lines. A line longer than `partBytes` makes several records. */
export function derivedLines(
  page: Buffer,
  {
    job = jobRow(),
    number = 1,
    partBytes = 1 << 30,
    step = 1,
  }: { job?: JobRow; number?: number; partBytes?: number; step?: number } = {},
): DerivedLine[] {
  const lines: DerivedLine[] = [];
  for (let at = 0; at < page.length;) {
    const lf = page.indexOf(0x0a, at);
    const end = lf < 0 ? page.length : lf + 1;
    lines.push(...recordsOf(page.subarray(at, end), at, { job, number, partBytes, step }));
    at = end;
  }
  return lines;
}

function recordsOf(
  physical: Buffer,
  offset: number,
  { job, number, partBytes, step }: { job: JobRow; number: number; partBytes: number; step: number },
): DerivedLine[] {
  const bom = physical.subarray(0, 3).equals(BOM);
  const ending = physical.at(-1) !== 0x0a ? 'none' : physical.at(-2) === 0x0d ? 'crlf' : 'lf';
  const body = physical.subarray(bom ? 3 : 0, physical.length - { none: 0, crlf: 2, lf: 1 }[ending]);
  const stamp = STAMP.exec(body.toString('latin1', 0, 29))?.[1];
  const head = stamp === undefined ? 0 : 29;
  const text = body.subarray(head);
  const parts = Math.max(1, Math.ceil(text.length / partBytes));
  return Array.from({ length: parts }, (_, n) => {
    const piece = text.subarray(n * partBytes, (n + 1) * partBytes);
    const isText = Buffer.from(piece.toString('utf8')).equals(piece);
    const original = n === 0 ? body.subarray(0, head + piece.length) : piece;
    const marks = {
      ...(stamp === undefined ? { continuation: true } : {}),
      ...(ending === 'lf' ? {} : { ending }),
      ...(bom ? { bom } : {}),
    };
    const spillway = {
      ...(parts === 1 ? {} : { part: n + 1, parts }),
      ...(isText ? {} : { original_base64: original.toString('base64') }),
    };
    const record = {
      event: { id: '0'.repeat(24), created: '2026-11-22T05:20:10.123Z', dataset: 'github.runner' },
      '@timestamp': stamp ?? '2026-11-22T05:20:10.1230000Z',
      message: piece.toString('utf8'),
      log: { file: { path: '/pages/x.log' }, offset },
      github: {
        repository: job.repository,
        run: { id: job.runId },
        job: { id: job.jobRecord, name: job.jobName, timeline: job.timeline },
        step: { number: step },
        page: { record: job.jobRecord, number },
        line: marks,
      },
      spillway,
    };
    return { json: `${JSON.stringify(record)}\n`, offset };
  });
}

/** A batch of such lines, with the streams that the assembly gives it. */
export function linesBatch(
  firstSeq: number,
  lines: readonly DerivedLine[],
  jobs: readonly JobRow[],
  changes: readonly RunChanges[] = [],
): HeldBatch {
  const bytes = Buffer.from(lines.map(({ json }) => json).join(''));
  const shared = new SharedArrayBuffer(Math.max(1, bytes.length));
  bytes.copy(Buffer.from(shared));
  const streams = new Set(
    jobs.flatMap((job) => [
      jobStream(job),
      ...(job.runId === undefined ? [] : [runStream(job.repository ?? '', job.runId)]),
    ]),
  );
  return heldBatch(firstSeq, [], {
    records: lines.length,
    shared,
    bytes: bytes.length,
    datasets: { 'github.runner': lines.length },
    streams: [...streams],
    changes: [...changes],
  });
}

/** The row of a job with these lines from a place on, in one change. */
export function jobOf(
  lines: readonly DerivedLine[],
  firstSeq: number,
  given: Partial<JobRow> = {},
): { job: JobRow; changes: RunChanges } {
  const job = jobRow({ lines: lines.length, firstSeq, lastSeq: firstSeq + lines.length - 1, ...given });
  return { job, changes: runChanges({ job, steps: [stepRow({ lines: lines.length })] }) };
}

const base = Date.parse('2026-11-22T08:00:00Z');

/** A line as the runner writes it. */
export function pageLine(n: number, text: string, ending = '\n'): string {
  return `${new Date(base + n * 10).toISOString().slice(0, -1)}4567Z ${text}${ending}`;
}
