import type { Dataset } from './recorder.ts';

/** Lines of GitHub's runner as a tailer sent them. Both are internal: an endpoint gets them only where its `match` names them. */
export const PAGE_DATASET = 'github.runner.page';
export const WORKER_DATASET = 'github.runner.worker';
/** A job's lines, put in order, each with its run, job and step. */
export const LINE_DATASET = 'github.runner';
/** One record for each job that has ended. */
export const JOB_DATASET = 'github.runner.job';

/** Where the lines of a runner's files go. */
export interface RunnerDatasets {
  readonly page: Dataset;
  readonly worker: Dataset;
}

/** True for the names that only the relay itself may give to a record while it assembles jobs. */
export function isRunnerDataset(name: string): boolean {
  return name === LINE_DATASET || name.startsWith(`${LINE_DATASET}.`);
}

/** `{timeline}_{record}_{number}.log`, see `Runner.Common/Logging.cs`. */
export interface PageName {
  readonly timeline: string;
  readonly record: string;
  /** From 1. */
  readonly number: number;
}

const GUID_LENGTH = 36;
/** Two GUIDs, two underscores, a digit and `.log`. */
const PAGE_NAME_LENGTH_MIN = 2 * GUID_LENGTH + 7;
/** Up to page 9999: 80 GB of log. */
const NUMBER_DIGITS_MAX = 4;
const NAME_LENGTH_MAX = PAGE_NAME_LENGTH_MIN + NUMBER_DIGITS_MAX;
const WORKER_PREFIX = Buffer.from('Worker_');
const SUFFIX = Buffer.from('.log');
const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** What a path's last part says of a file: a page, a Worker log (`Worker_20261122-081459-utc.log`), or neither. */
export function runnerFileKind(path: Uint8Array, start: number, end: number): 'page' | 'worker' | undefined {
  const suffixAt = end - SUFFIX.length;
  if (suffixAt <= start || !holdsAt(path, suffixAt, SUFFIX)) return undefined;
  let name = suffixAt;
  const first = Math.max(start, end - NAME_LENGTH_MAX - 1);
  while (name > first && path[name - 1] !== SLASH && path[name - 1] !== BACKSLASH) name--;
  if (holdsAt(path, name, WORKER_PREFIX)) return 'worker';
  if (end - name < PAGE_NAME_LENGTH_MIN || end - name > NAME_LENGTH_MAX) return undefined;
  const text = Buffer.from(path.buffer, path.byteOffset + name, end - name).toString('latin1');
  return pageNameOf(text) === undefined ? undefined : 'page';
}

function holdsAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

const GUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const PAGE_PATH = new RegExp(`(?:^|[/\\\\])(${GUID})_(${GUID})_([1-9]\\d{0,3})\\.log$`, 'i');

/** The parts of a page's name, GUIDs in lower case; undefined where the path is no page's. */
export function pageNameOf(path: string): PageName | undefined {
  const [, timeline, record, number] = PAGE_PATH.exec(path) ?? [];
  if (timeline === undefined || record === undefined) return undefined;
  return { timeline: timeline.toLowerCase(), record: record.toLowerCase(), number: Number(number) };
}
