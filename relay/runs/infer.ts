import type { Job } from './job.ts';
import { readPageLine } from './page-line.ts';
import type { StepStream } from './step-pages.ts';

/** The runner writes its pages in pieces of this size. */
const PIECE_BYTES = 4_096;
/** So many lines of each page are looked at. */
const STEP_LINES_MAX = 8;
const JOB_LINES_MAX = 256;
/** So many lines of two pages in turn are no chance. */
const COPIES_LEAST = 2;

interface Beginning {
  readonly record: string;
  /** Its first lines that have stamps. */
  readonly lines: readonly { readonly ticks: number; readonly text: Buffer }[];
  readonly bytes: number;
}

/**
 * How sure the answer must be. `certain`: the page was seen to have another one's lines. `likely`: it began first and is longer than a
 * piece; had a step's page become that long, the job page would be there too, if only it comes at all. `any`: it began first.
 */
export type Certainty = 'certain' | 'likely' | 'any';

/**
 * Which of a job's pages is the job page, where no Worker log says it: the one that has the first lines of another page, each written right
 * after that page's own.
 */
export function inferJobRecord(job: Job, certainty: Certainty): string | undefined {
  const beginnings = [...job.records]
    .map((record) => beginningOf(job, record))
    .filter((beginning) => beginning !== undefined)
    .sort((a, b) => a.lines[0]!.ticks - b.lines[0]!.ticks);
  const [first] = beginnings;
  if (first === undefined) return certainty === 'any' ? [...job.records][0] : undefined;
  const found = beginnings.find((page) => beginnings.some((step) => step !== page && hasCopies(page, step)));
  if (found !== undefined || certainty === 'certain') return found?.record;
  return certainty === 'any' || first.bytes > PIECE_BYTES ? first.record : undefined;
}

function beginningOf(job: Job, record: string): Beginning | undefined {
  const held = job.pagesOf(record).page(1, '').heldLines;
  const lines: { ticks: number; text: Buffer }[] = [];
  let end = 0;
  for (const { offset, length, bytes } of held.slice(0, JOB_LINES_MAX)) {
    // After each line stand one byte or two.
    if (offset > end + 2) break;
    end = offset + length;
    const { ticks, text } = readPageLine(bytes);
    if (ticks !== undefined) lines.push({ ticks, text });
  }
  if (lines.length === 0) return undefined;
  return { record, lines, bytes: held.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

/** True where the first lines of a step's page are in the job's page, in turn. */
function hasCopies({ lines: page }: Beginning, { lines }: Beginning): boolean {
  const step = lines.slice(0, STEP_LINES_MAX);
  const at = page.findIndex(({ ticks }) => ticks >= step[0]!.ticks);
  if (at < 0) return false;
  const copies = page.slice(at, at + step.length);
  const areCopies = copies.every(({ ticks, text }, i) => {
    const original = step[i]!;
    const before = copies[i - 1]?.ticks ?? Number.NEGATIVE_INFINITY;
    return before <= original.ticks && original.ticks <= ticks && text.equals(original.text);
  });
  return areCopies && copies.length >= COPIES_LEAST;
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
