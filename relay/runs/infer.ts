import type { Job } from './job.ts';
import { readPageLine } from './page-line.ts';
import type { StepStream } from './step-pages.ts';

/** The runner writes its pages in pieces of this size. */
const PIECE_BYTES = 4_096;

interface First {
  readonly record: string;
  readonly ticks: number;
  readonly text: Buffer;
  readonly bytes: number;
}

/**
 * Which of a job's pages is the job page, where no Worker log says it. The first line of a job is written to the page of "Set up job" and
 * then to the job page, so of two pages that begin with the same line the later one is the job's. Where there are no such two, the page
 * that began first is it, provided that it is longer than a piece: had a step's page become that long, the job page would be there too.
 * With `force` the page that began first will do.
 */
export function inferJobRecord(job: Job, force: boolean): string | undefined {
  const firsts = [...job.records]
    .map((record) => firstLineOf(job, record))
    .filter((first) => first !== undefined)
    .sort((a, b) => a.ticks - b.ticks);
  const [first] = firsts;
  if (first === undefined) return force ? [...job.records][0] : undefined;
  const copies = firsts.filter(({ text }) => text.equals(first.text));
  if (copies.length > 1) return copies[1]!.record;
  return force || first.bytes > PIECE_BYTES ? first.record : undefined;
}

function firstLineOf(job: Job, record: string): First | undefined {
  const page = job.pagesOf(record).page(1, '');
  const line = page.heldLines[0];
  if (line === undefined || line.offset !== 0) return undefined;
  const { ticks, text } = readPageLine(line.bytes);
  if (ticks === undefined) return undefined;
  const bytes = page.heldLines.reduce((sum, held) => sum + held.bytes.length, 0);
  return { record, ticks, text, bytes };
}

/**
 * What "Set up job" and so the job page say first (`JobExtension.cs`): other steps may begin alike too, such as those that clean up. With
 * debug messages the job page says its own name before it.
 */
const FIRST_TEXT = 'Current runner version: ';
const DEBUG_TEXT = '##[debug]Starting: ';
const DEBUG_SET_UP = `${DEBUG_TEXT}Set up job`;
/** The two pages that a job begins with say the same within this time, in ticks. */
const PAIR_TICKS_MAX = 50 * 10_000;
const TEXT_MAX = 256;

/**
 * Pages of another job among those of a job whose Worker log never came: jobs of one run that follow each other in one place look like one
 * then. It shows by two pages that begin alike, as "Set up job" and a job page do, and that have no line in common with this job's own.
 */
export function strangersIn(job: Job): StepStream[] {
  if (job.message !== undefined || job.jobRecord === undefined) return [];
  const unmatched = [...job.stepPages.streams]
    .filter(({ matched, firstTicks, firstText }) => !matched && firstTicks !== undefined && firstText !== undefined)
    .sort((a, b) => a.firstTicks! - b.firstTicks!);
  const begins = unmatched.find((stream, i) =>
    unmatched.slice(i + 1).some((other) => {
      if (other.firstTicks! - stream.firstTicks! > PAIR_TICKS_MAX) return false;
      const [text, otherText] = [
        stream.firstText!.toString('utf8', 0, TEXT_MAX),
        other.firstText!.toString('utf8', 0, TEXT_MAX),
      ];
      return text.startsWith(DEBUG_TEXT)
        ? otherText === DEBUG_SET_UP
        : text.startsWith(FIRST_TEXT) && text === otherText;
    }),
  );
  return begins === undefined ? [] : unmatched.filter((stream) => stream.firstTicks! >= begins.firstTicks!);
}
