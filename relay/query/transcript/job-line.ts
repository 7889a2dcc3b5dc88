import type { JobKey } from '../../journal/runs.ts';
import { LINE_DATASET } from '../../record/runner-file.ts';

/** A line of a job's page, or a part of one that was too long for one record. */
export interface JobLine {
  /** Its record's place in the journal. */
  readonly seq: number;
  /** Which of the job's pages it is in, from 1, and where there it begins, in bytes; undefined where nobody knew. */
  readonly page: number;
  readonly offset: number | undefined;
  /** From 1; above 1 for what continues the line before. */
  readonly part: number;
  /** As it stands in the page: byte order mark, time, text and ending. */
  readonly bytes: Buffer;
  /** The same without byte order mark, time and ending. */
  readonly text: Buffer;
  /** What ends the line in the page: LF, CR and LF, or nothing. */
  readonly ending: Buffer;
  /** What the page has of the line's time, 7 decimals; undefined for the continuation of a message. */
  readonly stamp: string | undefined;
  readonly step: number | undefined;
  /** True where it was taken from a step's page, since the job's page had lost it. */
  readonly filled: boolean;
}

interface Stored {
  readonly '@timestamp'?: unknown;
  readonly message?: unknown;
  readonly event?: { readonly dataset?: unknown };
  readonly log?: { readonly offset?: unknown };
  readonly github?: {
    readonly job?: { readonly id?: unknown; readonly timeline?: unknown };
    readonly page?: { readonly number?: unknown };
    readonly step?: { readonly number?: unknown };
    readonly line?: {
      readonly continuation?: unknown;
      readonly ending?: unknown;
      readonly bom?: unknown;
      readonly source?: unknown;
    };
  };
  readonly spillway?: { readonly part?: unknown; readonly parts?: unknown; readonly original_base64?: unknown };
}

const BOM = Buffer.of(0xef, 0xbb, 0xbf);
const NOTHING = Buffer.alloc(0);
const ENDINGS: Readonly<Record<string, Buffer>> = { crlf: Buffer.from('\r\n'), none: NOTHING };
const LF = Buffer.from('\n');

/** The line that a stored record is; undefined where it is no line of this job. */
export function jobLineOf(json: string, job: JobKey, seq: number): JobLine | undefined {
  const record = parsed(json);
  const { github, spillway } = record ?? {};
  if (record?.event?.dataset !== LINE_DATASET || github?.job?.id !== job.jobRecord) return undefined;
  if (github.job.timeline !== undefined && github.job.timeline !== job.timeline) return undefined;
  const part = numberOf(spillway?.part) ?? 1;
  const parts = numberOf(spillway?.parts) ?? 1;
  const isFirst = part === 1;
  const stamp = isFirst && github.line?.continuation !== true ? String(record['@timestamp']) : undefined;
  const head = stamp === undefined ? NOTHING : Buffer.from(`${stamp} `);
  const { original_base64: original } = spillway ?? {};
  const body =
    typeof original === 'string'
      ? Buffer.from(original, 'base64')
      : Buffer.concat([head, Buffer.from(typeof record.message === 'string' ? record.message : '')]);
  const bom = isFirst && github.line?.bom === true ? BOM : NOTHING;
  const ending = part < parts ? NOTHING : (ENDINGS[String(github.line?.ending)] ?? LF);
  return {
    seq,
    page: numberOf(github.page?.number) ?? 1,
    offset: numberOf(record.log?.offset),
    part,
    bytes: Buffer.concat([bom, body, ending]),
    text: body.subarray(head.length),
    ending,
    stamp,
    step: numberOf(github.step?.number),
    filled: github.line?.source === 'step',
  };
}

function parsed(json: string): Stored | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Below 0 where `a` stands before `b` in the job's pages. Lines whose place nobody knew are where they are. */
export function comparePlaces(a: JobLine, b: JobLine): number {
  if (a.offset === undefined || b.offset === undefined) return 0;
  return a.page - b.page || a.offset - b.offset || a.part - b.part;
}
