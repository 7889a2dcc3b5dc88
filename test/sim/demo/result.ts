import { count } from '../../../relay/cli/figures.ts';
import { printable, table } from '../../../relay/cli/terminal.ts';
import { Archive } from '../../../relay/journal/archive.ts';
import type { RelayProcess } from '../../crash/relay-process.ts';
import { compareForwarded } from '../harness/forwarded.ts';
import { readTruth } from '../harness/truth-index.ts';
import type { Catcher } from './catcher.ts';
import type { Screen } from './screen.ts';

export interface Result {
  readonly screen: Screen;
  readonly relay: RelayProcess;
  readonly catcher: Catcher;
  readonly truthFolder: string;
  readonly harborSent: number;
}

const JOBS_MAX = 100;

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
  const { lines, missing, twice, different } = await compareForwarded(`${relay.folder}/archive.ndjson`, truth);
  const siem = await catcher.received();
  const stored = archive.stats().records;
  screen.heading('Held against what the runners and Harbor wrote:');
  screen.print(
    `  ${count(lines)} lines in ${truth.length} jobs: ${count(missing)} missing, ${count(twice)} twice, ${count(different)} altered`,
    `  ${count(harborSent)} audit records, ${count(stored)} records in the journal`,
    `  the SIEM has ${count(siem.records)} of them, and got ${count(siem.repeats)} again after its return`,
  );
  return missing + twice + different === 0 && truth.length === jobs.length;
}
