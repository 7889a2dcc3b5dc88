import { PAGE_DATASET, WORKER_DATASET, pageNameOf, type PageName } from '../record/runner-file.ts';
import type { RunnerInfo } from './job-types.ts';
import type { ArrivedLine, Pin } from './page-order.ts';

/** A line of a runner's file, as the journal has it. */
export type RawLine =
  | {
      readonly kind: 'page';
      readonly name: PageName & { readonly path: string };
      readonly runner: RunnerInfo;
      readonly line: ArrivedLine;
    }
  | { readonly kind: 'worker'; readonly path: string; readonly runner: RunnerInfo; readonly line: ArrivedLine };

/** What is read of a record. All of it came from a sender, so nothing is sure. */
interface RawRecord {
  readonly event?: { readonly dataset?: unknown; readonly created?: unknown };
  readonly message?: unknown;
  readonly log?: { readonly offset?: unknown; readonly file?: { readonly path?: unknown } };
  readonly host?: { readonly name?: unknown };
  readonly source?: { readonly ip?: unknown };
  readonly github?: {
    readonly runner?: unknown;
    readonly line?: { readonly ending?: unknown; readonly bytes?: unknown };
  };
  readonly spillway?: {
    readonly peer?: unknown;
    readonly original_base64?: unknown;
    readonly part?: unknown;
    readonly parts?: unknown;
    readonly text_bytes?: unknown;
  };
}

/** Where the keeper puts the last line of a page that no line end follows. */
const HANDED_OVER = /\/unended\/[^/]+$/;

/** More pieces of a line than this are not put together: the largest bodies that inputs take are far smaller. */
const PART_BYTES_MAX = 64 * 1_048_576;

/** Reads records of the two internal datasets, and puts lines together that were split for their length. */
export class RawLineReader {
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** Of the line as its sender wrote it, which secrets that were masked may have changed. */
  #length = 0;
  #firstPin: Pin | undefined;

  /** The line that a record is or completes; undefined where it is no whole line, or none of a runner's. */
  read(json: string, seq: number, sinceMs: number, pin: Pin | undefined): RawLine | undefined {
    const record = parsed(json);
    const dataset = record?.event?.dataset;
    if (record === undefined || (dataset !== PAGE_DATASET && dataset !== WORKER_DATASET)) return undefined;
    const bytes = this.#bytesOf(record, pin);
    const path = textOf(record.log?.file?.path);
    if (bytes === undefined || path === undefined) return undefined;
    const { offset } = record.log ?? {};
    const firstPin = this.#firstPin ?? pin;
    if (this.#firstPin !== undefined) this.#firstPin.held--;
    this.#firstPin = undefined;
    const line: ArrivedLine = {
      seq,
      offset: typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0 ? offset : undefined,
      bytes,
      length: lengthAtTheEdge(record) ?? this.#length,
      unended: record.github?.line?.ending === 'none' || HANDED_OVER.test(path),
      receivedMs: Date.parse(textOf(record.event?.created) ?? '') || 0,
      sinceMs,
      pin: firstPin,
    };
    const runner = runnerOf(record);
    if (dataset === WORKER_DATASET) return { kind: 'worker', path, runner, line };
    const name = pageNameOf(path);
    return name === undefined ? undefined : { kind: 'page', name: { ...name, path }, runner, line };
  }

  #bytesOf(record: RawRecord, pin: Pin | undefined): Buffer | undefined {
    const base64 = textOf(record.spillway?.original_base64);
    const text = base64 === undefined ? textOf(record.message) : undefined;
    const bytes = base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
    const { part, parts, text_bytes: textBytes } = record.spillway ?? {};
    const length = typeof textBytes === 'number' ? textBytes : bytes.length;
    if (typeof part !== 'number' || typeof parts !== 'number') {
      this.#length = length;
      return bytes;
    }
    if (part === 1) {
      this.#parts = [];
      this.#partBytes = 0;
      this.#length = 0;
      // Until the line is whole, its first piece must stay in the journal.
      if (this.#firstPin !== undefined) this.#firstPin.held--;
      this.#firstPin = pin;
      if (pin !== undefined) pin.held++;
    }
    this.#length += length;
    this.#partBytes += bytes.length;
    if (this.#partBytes <= PART_BYTES_MAX) this.#parts.push(bytes);
    if (part < parts) return undefined;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    return whole;
  }
}

function parsed(json: string): RawRecord | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** How long a line was that was masked before it was sent, as the plugin at the edge tells it. */
function lengthAtTheEdge({ github }: RawRecord): number | undefined {
  const bytes = github?.line?.bytes;
  return typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0 && bytes <= PART_BYTES_MAX
    ? bytes
    : undefined;
}

function runnerOf(record: RawRecord): RunnerInfo {
  const given = record.github?.runner;
  const fields = typeof given === 'object' && given !== null ? (given as Readonly<Record<string, unknown>>) : undefined;
  const pod = textOf(fields?.['pod']);
  const host = textOf(record.host?.name);
  // The relay's own word, where the sender has a `source` of its own; otherwise the relay wrote that one.
  const peer = textOf(record.spillway?.peer) ?? textOf(record.source?.ip);
  return { source: pod ?? host ?? peer ?? '', host, name: textOf(fields?.['name']), pod, fields };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
