import { createReadStream } from 'node:fs';
import type { IndexedJob, IndexedPage } from './truth-index.ts';

const LF = 0x0a;
const BOM = '\ufeff';
/** What a line of a page begins with. */
const STAMP = /^\ufeff?[\d-]{10}T[\d:]{8}\.\d{7}Z /;

/** A record as an endpoint gets it, as far as it is looked at here. Names with points are as they stand in the JSON. */
interface ForwardedRecord {
  readonly '@timestamp'?: string;
  readonly message?: string;
  readonly event?: { readonly id?: string; readonly dataset?: string };
  readonly log?: { readonly offset?: number; readonly file?: { readonly path?: string } };
  readonly spillway?: { readonly original_base64?: string };
  readonly github?: {
    readonly run?: { readonly id?: string };
    readonly step?: { readonly name?: string; readonly number?: number };
    readonly line?: {
      readonly source?: string;
      readonly bom?: boolean;
      readonly ending?: string;
      readonly continuation?: boolean;
    };
  };
}

/** What arrived at an endpoint, held against what was written. */
export interface ForwardedFigures {
  /** Lines that were written to job pages. */
  lines: number;
  missing: number;
  /** Lines that came again under another `event.id`. */
  twice: number;
  /** Records that came again as they were: after a kill, what was delivered and not noted yet. */
  repeats: number;
  /** Whose bytes are not those of the page at that place. */
  different: number;
  /** Of no job and no page that there was. */
  unknown: number;
  /** Lines that a step wrote, and of those the ones that name it. */
  ofSteps: number;
  attributed: number;
  attributedWrongly: number;
  /** Step's name right, its number not: the runner leaves numbers free before post steps, the relay counts what ran. */
  numberedWrongly: number;
  /**
   * Taken from a step's page: with its stamp, where the line of the job page never came; or after the end of that page, where the worker
   * was killed before it wrote as much.
   */
  filled: number;
  /** Last lines of workers that were killed, as far as they had come. */
  unended: number;
  /** Lines without a run. */
  unmapped: number;
  /** Some of what is wrong, to look into. */
  readonly examples: string[];
}

const EXAMPLES_MAX = 20;

/** Reads what a `file` endpoint got, and compares each line with the page it came from. */
export async function compareForwarded(path: string, truth: readonly IndexedJob[]): Promise<ForwardedFigures> {
  const figures: ForwardedFigures = {
    lines: truth.reduce((sum, { lines }) => sum + lines, 0),
    missing: 0,
    twice: 0,
    repeats: 0,
    different: 0,
    unknown: 0,
    ofSteps: 0,
    attributed: 0,
    attributedWrongly: 0,
    numberedWrongly: 0,
    filled: 0,
    unended: 0,
    unmapped: 0,
    examples: [],
  };
  const seen = new Map<string, Map<number, string>>();
  const jobOfPage = new Map(truth.flatMap((job) => [...job.pages.keys()].map((name) => [name, job])));
  for await (const text of linesOf(path)) {
    const record = JSON.parse(text) as ForwardedRecord;
    if (record.event?.dataset === 'github.runner') compareRecord(record, jobOfPage, seen, figures);
  }
  for (const { pages } of truth)
    for (const [name, { lines }] of pages) {
      const missing = [...lines.keys()].filter((offset) => seen.get(name)?.has(offset) !== true);
      figures.missing += missing.length;
      for (const offset of missing.slice(0, 3)) tell(figures, `missing: ${name} at ${offset}`);
    }
  return figures;
}

/** Ended by LF alone: what a record holds may have other characters that end lines elsewhere. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const piece of createReadStream(path)) {
    const bytes = Buffer.concat([rest, piece as Buffer]);
    let from = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
      yield bytes.toString('utf8', from, end);
      from = end + 1;
    }
    rest = bytes.subarray(from);
  }
}

function compareRecord(
  record: ForwardedRecord,
  jobOfPage: ReadonlyMap<string, IndexedJob>,
  seen: Map<string, Map<number, string>>,
  figures: ForwardedFigures,
): void {
  const name = record.log?.file?.path?.split('/').at(-1) ?? '';
  const offset = record.log?.offset ?? -1;
  const job = jobOfPage.get(name);
  const page = job?.pages.get(name);
  if (job === undefined || page === undefined) {
    figures.unknown++;
    return tell(figures, `unknown: ${name} at ${offset}`);
  }
  const offsets = seen.get(name) ?? new Map<number, string>();
  seen.set(name, offsets);
  const before = offsets.get(offset);
  if (before !== undefined && before === record.event?.id) {
    figures.repeats++;
    return;
  }
  if (before !== undefined) {
    figures.twice++;
    return tell(figures, `twice: ${name} at ${offset}`);
  }
  offsets.set(offset, record.event?.id ?? '');
  const bytes = physicalLine(record);
  if (record.github?.line?.source === 'step' && isFilled(bytes, page, offset, job)) {
    figures.filled++;
    return;
  }
  if (offset === page.bytes.lastIndexOf(LF) + 1 && isStart(page.bytes.subarray(offset), bytes)) {
    figures.unended++;
    return;
  }
  if (!page.bytes.subarray(offset, offset + bytes.length).equals(bytes) || !page.lines.has(offset)) {
    figures.different++;
    tell(figures, `different: ${name} at ${offset}: ${JSON.stringify(bytes.toString().slice(0, 200))}`);
  }
  if (record.github?.run?.id !== job.job.runId) figures.unmapped++;
  compareStep(record, job, page.lines.get(offset) ?? 0, figures);
}

function compareStep(record: ForwardedRecord, { job }: IndexedJob, number: number, figures: ForwardedFigures): void {
  const step = job.steps.find((one) => one.number === number);
  if (step === undefined) return;
  figures.ofSteps++;
  const told = record.github?.step;
  if (told?.name === undefined) return;
  if (told.name !== step.name) {
    figures.attributedWrongly++;
    return tell(
      figures,
      `step "${told.name}" instead of "${step.name}": ${JSON.stringify(record.message?.slice(0, 100))}`,
    );
  }
  figures.attributed++;
  if (told.number !== number) figures.numberedWrongly++;
}

/** The bytes of the line in its page. */
function physicalLine({ '@timestamp': stamp, message = '', github, spillway }: ForwardedRecord): Buffer {
  const { bom, ending, continuation } = github?.line ?? {};
  const end = ending === 'none' ? '' : ending === 'crlf' ? '\r\n' : '\n';
  if (spillway?.original_base64 !== undefined)
    return Buffer.concat([Buffer.from(spillway.original_base64, 'base64'), Buffer.from(end)]);
  return Buffer.from(`${bom === true ? BOM : ''}${continuation === true ? '' : `${stamp} `}${message}${end}`);
}

/** Whether a line of a step's page stands where the job page has the same text, or has nothing. */
function isFilled(line: Buffer, { bytes }: IndexedPage, offset: number, { job }: IndexedJob): boolean {
  const end = bytes.lastIndexOf(LF) + 1;
  if (offset >= end) return job.conclusion === 'killed';
  const text = (of: Buffer): string => of.toString().replace(STAMP, '');
  return text(line) === text(bytes.subarray(offset, offset + line.length));
}

/** Whether a line is all there is, but for a line end that the file does not have. */
function isStart(rest: Buffer, line: Buffer): boolean {
  return line.subarray(0, rest.length).equals(rest) && line.length - rest.length <= 1;
}

function tell(figures: ForwardedFigures, example: string): void {
  if (figures.examples.length < EXAMPLES_MAX) figures.examples.push(example);
}
