import { join } from 'node:path';
import type { CommandContext, Terminal } from '../../../relay/cli/command.ts';
import { runCommand } from '../../../relay/cli/command-line.ts';
import { transcriptCommand } from '../../../relay/cli/transcript.ts';
import { registry } from '../../../relay/config/registry.ts';
import { systemClock } from '../../../relay/io/clock.ts';
import { systemRandom } from '../../../relay/io/random.ts';
import type { IndexedJob } from './truth-index.ts';

export interface TranscriptFigures {
  /** Jobs whose transcript is byte for byte what the runner wrote. */
  same: number;
  /** Of workers that were killed: without a last line that had no end, or with what only a step's page has of the end. */
  sameButForTheEnd: number;
  different: number;
  readonly examples: string[];
}

const EXAMPLES_MAX = 10;

/** Asks `spillway transcript` for each job, and compares what it prints with the pages. */
export async function compareTranscripts(folder: string, truth: readonly IndexedJob[]): Promise<TranscriptFigures> {
  const figures: TranscriptFigures = { same: 0, sameButForTheEnd: 0, different: 0, examples: [] };
  for (const indexed of truth) {
    const { printed, errors } = await transcript(folder, indexed);
    const written = Buffer.concat([...indexed.pages.values()].map(({ bytes }) => bytes));
    const rest = written.subarray(indexed.bytes.length);
    if (printed.equals(indexed.bytes)) figures[rest.length === 0 ? 'same' : 'sameButForTheEnd']++;
    else if (endsAnyhow(printed, indexed)) figures.sameButForTheEnd++;
    else {
      figures.different++;
      const { timeline, jobName } = indexed.job;
      if (figures.examples.length < EXAMPLES_MAX)
        figures.examples.push(
          `${timeline} ${jobName}: ${printed.length} bytes instead of ${indexed.bytes.length}, the same up to ${common(printed, indexed.bytes)}; ${errors.trim()}`,
        );
    }
  }
  return figures;
}

/** Everything that the job page has in lines, and more. */
function endsAnyhow(printed: Buffer, { job, bytes }: IndexedJob): boolean {
  return job.conclusion === 'killed' && printed.subarray(0, bytes.length).equals(bytes);
}

/** What `spillway transcript` prints of a job, with the relay's config in `folder`. */
export async function transcript(folder: string, { job }: IndexedJob): Promise<{ printed: Buffer; errors: string }> {
  const pieces: Buffer[] = [];
  let errors = '';
  const context: CommandContext = {
    stdout: terminal((bytes) => pieces.push(bytes)),
    stderr: terminal((bytes) => (errors += bytes.toString())),
    environment: {},
    workingFolder: folder,
    processId: process.pid,
    signal: new AbortController().signal,
    onReload: () => () => {},
    clock: systemClock,
    random: systemRandom,
    components: async () => registry,
    version: '0',
  };
  const which = [
    '--run',
    job.runId,
    '--repository',
    job.repository,
    '--attempt',
    String(job.runAttempt),
    '--job',
    job.jobName,
  ];
  await runCommand([transcriptCommand], ['transcript', '--config', join(folder, 'config.yaml'), ...which], context);
  return { printed: Buffer.concat(pieces), errors };
}

function terminal(take: (bytes: Buffer) => unknown): Terminal {
  return {
    isTerminal: false,
    columns: undefined,
    write(text) {
      // What is handed over may be used again.
      take(Buffer.from(text));
      return true;
    },
    drained: () => Promise.resolve(),
  };
}

function common(a: Buffer, b: Buffer): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
