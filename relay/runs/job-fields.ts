import { jobStream, runStream } from '../journal/runs.ts';
import { fragment, type Source } from '../record/line-writer.ts';
import type { Job } from './job.ts';

/** What is the same for all records about a job. */
export interface JobFields {
  /** `,"host":…,"tags":…,"github":{…` without the brace that closes `github`. */
  readonly members: Source;
  readonly streams: readonly JobStream[];
}

export interface JobStream {
  readonly kind: string;
  readonly name: Source;
}

/** The fields of a job: who, what and where, as the Worker log and the sender say. */
export function jobFieldsOf(job: Job): JobFields {
  const { message, runner, timeline, jobRecord } = job;
  const github = message?.github ?? {};
  const { repository, run_id: runId, server_url: serverUrl } = github;
  const hasUrl = serverUrl !== undefined && repository !== undefined && runId !== undefined;
  const run = {
    id: runId,
    attempt: numberOf(github['run_attempt']),
    number: numberOf(github['run_number']),
    url: hasUrl ? `${serverUrl}/${repository}/actions/runs/${runId}` : undefined,
  };
  const members = {
    ...(runner.host === undefined ? {} : { host: { name: runner.host } }),
    ...(message === undefined ? { tags: ['unmapped'] } : {}),
    github: {
      repository,
      ...(message === undefined ? {} : { run }),
      workflow: github['workflow'],
      event: github['event_name'],
      ref: github['ref'],
      sha: github['sha'],
      actor: github['actor'],
      ...(runner.fields === undefined ? {} : { runner: runner.fields }),
      job: { id: jobRecord, name: message?.jobName, timeline },
    },
  };
  const streams = [
    streamOf(jobStream(job)),
    ...(repository === undefined || runId === undefined ? [] : [streamOf(runStream(repository, runId))]),
    ...(runner.host === undefined ? [] : [streamOf(`host:${runner.host}`)]),
  ];
  return { members: fragment(`,${lineJson(members).slice(1, -2)}`), streams };
}

/** JSON text that stands in a line of the journal. Some readers of lines take these characters for line ends. */
export function lineJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f\u0085\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function streamOf(stream: string): JobStream {
  const colon = stream.indexOf(':');
  return { kind: stream.slice(0, colon), name: fragment(stream.slice(colon + 1)) };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
