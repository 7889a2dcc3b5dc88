import type { Archive } from '../../journal/archive.ts';
import { RelayError, describeError } from '../../errors.ts';
import type { StoredJob } from '../../journal/runs.ts';
import type { JobLine } from '../../query/transcript/job-line.ts';
import { pageOrder } from '../../query/transcript/job-lines.ts';
import { goneText } from '../../query/transcript/views.ts';
import type { CommandContext } from '../command.ts';
import { printable } from '../terminal.ts';
import { FoldedText } from './folded-text.ts';

export interface PrintOptions {
  readonly plain: boolean;
  readonly raw: boolean;
  readonly json: boolean;
  readonly unfold: boolean;
}

/** Prints a job's lines and tells how many of them it has printed. Returns what is wrong with what was printed; empty where all of it is there. */
export async function printJob(
  archive: Archive,
  job: StoredJob,
  options: PrintOptions,
  { stdout, signal, environment }: Pick<CommandContext, 'stdout' | 'signal' | 'environment'>,
  onLines: (lines: number) => void,
): Promise<string[]> {
  const problems: string[] = [];
  const source = {
    streamPlaces: archive.streamPlaces.bind(archive),
    readOne: (seq: number) => readable(archive, seq, problems),
  };
  const render = rendererOf(job, options, stdout.isTerminal, (environment['NO_COLOR'] ?? '') === '');
  let lines = 0;
  for await (const some of pageOrder(source, job, (problem) => problems.push(problem))) {
    if (signal.aborted) return [...problems, 'it was ended early'];
    lines += some.filter(({ part }) => part === 1).length;
    const out = render.lines(some);
    if (out.length > 0 && !stdout.write(out)) await stdout.drained();
    onLines(lines);
  }
  const rest = render.end();
  if (rest !== '') stdout.write(rest);
  const gone = lines === 0 ? goneText(job) : undefined;
  if (gone !== undefined) problems.push(gone);
  else if (lines < job.lines) problems.push(`${job.lines - lines} of its lines are not in the journal any more`);
  if (job.verdict === 'gaps') problems.push('some of it never reached the relay; --list says what');
  if (job.verdict === 'cut') problems.push('the job ended without saying so; its last lines may be missing');
  return problems;
}

/** What cannot be read is told of and passed over. */
function readable(archive: Archive, seq: number, problems: string[]) {
  try {
    return archive.readOne(seq);
  } catch (error) {
    if (!(error instanceof RelayError) || error.code !== 'JOURNAL_DAMAGED') throw error;
    problems.push(describeError(error));
    return undefined;
  }
}

interface Renderer {
  lines(lines: readonly JobLine[]): string | Buffer;
  end(): string;
}

function rendererOf(job: StoredJob, options: PrintOptions, isTerminal: boolean, colours: boolean): Renderer {
  const end = (): string => '';
  if (options.json) return { lines: (lines) => lines.map((line) => asJson(line, job)).join(''), end };
  if (!isTerminal || options.raw)
    return {
      lines: (lines) =>
        Buffer.concat(lines.flatMap((line) => (options.plain ? [line.text, line.ending] : [line.bytes]))),
      end,
    };
  if (!options.plain) return { lines: (lines) => lines.map(shown).join(''), end };
  const folded = new FoldedText({ colours, unfold: options.unfold });
  return { lines: (lines) => lines.map((line) => folded.line(textOf(line))).join(''), end: () => folded.end() };
}

function shown(line: JobLine): string {
  const time = line.stamp === undefined ? '' : `${line.stamp} `;
  return `${printable(time + textOf(line))}\n`;
}

function textOf({ text }: JobLine): string {
  return text.toString('utf8');
}

function asJson(line: JobLine, job: StoredJob): string {
  const { seq, page, offset, stamp, step } = line;
  return `${JSON.stringify({ job: job.jobName ?? job.jobRecord, step, time: stamp, page, offset, seq, text: textOf(line) })}\n`;
}
