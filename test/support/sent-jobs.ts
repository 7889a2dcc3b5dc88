import { post } from './http-exchange.ts';
import { JOB, pagesOf, SCRIPT, tailed, WORKER_PATH, workerLog, type ScriptedStep } from './runner-log.ts';

const SCRIPTED_MS = Date.parse('2026-11-22T08:14:59Z');

export interface SentJob {
  readonly github?: Readonly<Record<string, string>>;
  /** Tells jobs apart. */
  readonly number: number;
  readonly startMs: number;
  readonly script?: readonly ScriptedStep[];
  /** Texts of the Worker log that are replaced, such as names of steps. */
  readonly replaced?: Readonly<Record<string, string>>;
  /** Left out, the job stays open. */
  readonly withWorkerLog?: boolean;
}

/** The ids of a job by its number. */
export function idsOf(number: number): { readonly timeline: string; readonly record: string } {
  const head = number.toString(16).padStart(8, '0');
  return { timeline: head + JOB.timeline.slice(8), record: head + JOB.record.slice(8) };
}

/** Sends what a tailer reads of a job: its Worker log and its pages. */
export async function sendJob(port: number, job: SentJob): Promise<void> {
  const { timeline, record } = idsOf(job.number);
  // The Worker log tells time by the second: a whole one keeps its times and those of the pages together.
  const skewMs = Math.floor((job.startMs - SCRIPTED_MS) / 1_000) * 1_000;
  const script = job.script ?? SCRIPT;
  const records = new Map(
    script.map(({ record: step }) => [step, job.number.toString(16).padStart(8, '0') + step.slice(8)]),
  );
  const own = script.map((step) => ({ ...step, record: records.get(step.record)! }));
  if (job.withWorkerLog !== false) {
    let text = workerLog({ timeline, record, github: job.github ?? {} }).join('\n');
    for (const [step, its] of records) text = text.replaceAll(step, its);
    for (const [from, to] of Object.entries(job.replaced ?? {})) text = text.replaceAll(from, () => to);
    text = text.replaceAll(/2026-11-22 08:\d\d:\d\dZ/g, (time) => {
      const at = new Date(Date.parse(time.replace(' ', 'T')) + skewMs).toISOString();
      return `${at.slice(0, 10)} ${at.slice(11, 19)}Z`;
    });
    await send(port, tailed(WORKER_PATH.replace('081459', job.number.toString().padStart(6, '0')), `${text}\n`), job);
  }
  for (const [path, content] of pagesOf(own, { record, timeline, skewMs }))
    await send(port, tailed(path, content), job);
}

async function send(port: number, lines: readonly object[], { number }: SentJob): Promise<void> {
  const from = { host: `runner-${number}`, kubernetes: { pod_name: `runner-${number}` } };
  const body = JSON.stringify(lines.map((line) => ({ ...line, ...from })));
  const headers = { 'content-type': 'application/json', 'user-agent': 'Fluent-Bit' };
  const reply = await post(port, body, { headers });
  if (reply.status !== 200) throw new Error(`the input answered ${reply.status}: ${reply.text}`);
}
