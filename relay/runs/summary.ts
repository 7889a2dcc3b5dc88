import type { JobVerdict } from '../journal/runs.ts';
import { fragment, sourceOf } from '../record/line-writer.ts';
import type { Dataset, Recorder } from '../record/recorder.ts';
import type { Job } from './job.ts';
import { jobFieldsOf, lineJson } from './job-fields.ts';
import { msOf } from './page-line.ts';
import { detailOf } from './verdict.ts';

const STEPS_MAX = 200;

const VERDICTS: Readonly<Record<JobVerdict, string>> = {
  open: 'open',
  complete: 'complete',
  gaps: 'not complete',
  cut: 'cut off',
  unmapped: 'without a Worker log, so nobody knows whose it is',
};

/** Writes the record that says how a job's log ended, as `github.runner.job`. What it says stands under `spillway.job`. */
export function writeSummary(recorder: Recorder, dataset: Dataset, job: Job): void {
  const { members, streams } = jobFieldsOf(job);
  const text = Buffer.from(textOf(job));
  const summary = fragment(`},"spillway":{"job":${lineJson(summaryOf(job))}}`);
  const times = { outcome: outcomeOf(job.conclusion), start: isoOf(startedMs(job)), end: isoOf(finishedMs(job)) };
  const event = fragment(`,${lineJson(times).slice(1)},"@timestamp":"`);
  const writer = recorder.open(dataset, text.length + summary.bytes.length + members.bytes.length);
  writer.raw(event);
  writer.raw(recorder.nowText);
  writer.raw(fragment('","message":"'));
  writer.text(sourceOf(text), 0, text.length);
  writer.byte(0x22);
  writer.raw(members);
  writer.raw(summary);
  for (const { kind, name } of streams) recorder.stream(kind, name, 0, name.bytes.length);
  recorder.close(recorder.nowMs);
}

function textOf(job: Job): string {
  const { repository = 'an unknown repository', run_id: runId } = job.message?.github ?? {};
  const name = job.message?.jobName ?? job.jobRecord ?? 'unknown';
  const run = runId === undefined ? '' : `, run ${runId},`;
  const result = job.conclusion === undefined ? 'ended' : `ended with ${job.conclusion}`;
  return `job ${name} of ${repository}${run} ${result}; its log of ${job.lines} lines is ${VERDICTS[job.verdict]}`;
}

function summaryOf(job: Job): object {
  const { verdict, conclusion, lines, bytes, attributed, filledLines } = job;
  const { gaps, notes, repeats } = detailOf(job);
  const steps = job.message === undefined ? [] : job.steps.steps.slice(0, STEPS_MAX);
  return {
    verdict,
    conclusion,
    lines,
    bytes,
    attributed_lines: attributed,
    filled_lines: filledLines,
    repeated_lines: repeats,
    gaps,
    notes,
    steps: steps.map((step) => ({
      number: step.number,
      name: step.name,
      conclusion: step.conclusion,
      lines: step.lines,
      duration_ms:
        step.startedSecond === undefined || step.finishedSecond === undefined
          ? undefined
          : (step.finishedSecond - step.startedSecond) * 1_000,
    })),
  };
}

/** ECS knows three outcomes. */
function outcomeOf(conclusion: string | undefined): string {
  return conclusion === 'success' || conclusion === 'failure' ? conclusion : 'unknown';
}

function startedMs({ startedSecond, firstTicks }: Job): number | undefined {
  if (startedSecond !== undefined) return startedSecond * 1_000;
  return firstTicks === undefined ? undefined : msOf(firstTicks);
}

function finishedMs({ completedSecond, lastTicks }: Job): number | undefined {
  if (completedSecond !== undefined) return completedSecond * 1_000;
  return lastTicks === undefined ? undefined : msOf(lastTicks);
}

function isoOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
