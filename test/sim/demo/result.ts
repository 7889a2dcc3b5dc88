import { join } from 'node:path';
import { count } from '../../../relay/cli/figures.ts';
import { printable, table } from '../../../relay/cli/terminal.ts';
import { Archive } from '../../../relay/journal/archive.ts';
import type { RelayProcess } from '../../crash/relay-process.ts';
import { compareForwarded } from '../harness/forwarded.ts';
import { compareTranscripts, transcript } from '../harness/transcripts.ts';
import { type IndexedJob, readTruth } from '../harness/truth-index.ts';
import type { Catcher } from './catcher.ts';
import type { Screen } from './screen.ts';

export interface Result {
  readonly screen: Screen;
  readonly relay: RelayProcess;
  readonly catcher: Catcher;
  readonly truthFolder: string;
  readonly harborSent: number;
}

const BOM = '\ufeff';
/** A job with fewer lines shows little. */
const MEDIUM_LINES = 60;
const JOBS_MAX = 1_000;
/** So much of a transcript is shown from its start, and from its end. */
const HEAD_LINES = 14;
const TAIL_LINES = 4;
const LINE_CHARS = 100;

/** Shows what has become of the jobs and of each record. Resolves to whether nothing is missing. */
export async function showResult({ screen, relay, catcher, truthFolder, harborSent }: Result): Promise<boolean> {
  using archive = new Archive(relay.dataFolder);
  const jobs = archive.jobs({ limit: JOBS_MAX });
  screen.heading('Jobs, as the relay has put them together:');
  screen.print(
    table([
      ['  RUN', 'REPOSITORY', 'JOB', 'LINES', 'WITH STEP', 'RESULT', 'VERDICT'],
      ...jobs.map((job) => [
        `  ${job.runId ?? '?'}`,
        printable(job.repository ?? '?'),
        printable(job.jobName ?? '?'),
        count(job.lines),
        count(job.attributed),
        job.conclusion ?? '-',
        job.verdict,
      ]),
    ]).trimEnd(),
  );
  const truth = readTruth(truthFolder);
  await showTranscript(screen, relay, truth);

  const { lines, missing, twice, different } = await compareForwarded(join(relay.folder, 'archive.ndjson'), truth);
  const transcripts = await compareTranscripts(relay.folder, truth);
  const sent = archive.cursors().find(({ endpoint }) => endpoint === 'siem')?.delivered ?? 0;
  const { records, repeats } = await catcher.received();
  screen.heading('Held against what the runners and Harbor wrote:');
  screen.print(
    `  ${count(lines)} lines in ${truth.length} jobs: ${count(missing)} missing, ${count(twice)} twice, ${count(different)} altered`,
    `  ${transcripts.same} of ${truth.length} transcripts are byte for byte what the runner wrote, though it has deleted its pages`,
    `  ${count(harborSent)} audit records of Harbor`,
    `  the SIEM was sent ${count(sent)} records and has ${count(records)}; ${count(repeats)} came again, under the same id`,
  );
  return missing + twice + different + transcripts.different === 0 && records === sent;
}

/** Shows the start and the end of one transcript, of a job that is not too short. */
async function showTranscript(screen: Screen, relay: RelayProcess, truth: readonly IndexedJob[]): Promise<void> {
  const [shown] = truth.toSorted(
    (a, b) => Number(a.lines < MEDIUM_LINES) - Number(b.lines < MEDIUM_LINES) || a.lines - b.lines,
  );
  if (shown === undefined) return;
  const { job } = shown;
  const { printed } = await transcript(relay.folder, shown);
  const lines = printed.toString().replaceAll(BOM, '').split('\n').slice(0, -1);
  const part = (some: readonly string[]): string[] =>
    some.map((line) => `  ${printable(line.trimEnd()).slice(0, LINE_CHARS)}`);
  screen.heading(`What "spillway transcript --run ${job.runId} --job ${JSON.stringify(job.jobName)}" prints:`);
  screen.print(
    ...part(lines.slice(0, HEAD_LINES)),
    ...(lines.length > HEAD_LINES + TAIL_LINES
      ? [`  (${count(lines.length - HEAD_LINES - TAIL_LINES)} lines more)`]
      : []),
    ...part(lines.slice(Math.max(HEAD_LINES, lines.length - TAIL_LINES))),
  );
}
