import { compileMatch, type Matcher, type MatchOptions } from '../delivery/match.ts';
import { RelayError } from '../errors.ts';
import type { Archive, ArchivedBatch } from '../journal/archive.ts';
import { createdOf, forEachLine } from '../record/lines.ts';

/** Options of commands that work on some of the journal's records. */
export const selectionOptions = {
  from: {
    type: 'string',
    value: 'TIME',
    description: 'Records received from then on: an ISO 8601 time, or how long ago (90s, 15m, 2h, 7d).',
  },
  to: { type: 'string', value: 'TIME', description: 'Records received before then.' },
  match: {
    type: 'string',
    multiple: true,
    value: 'FIELD=GLOB',
    description: 'Only records with such a field, for example event.dataset=harbor.*; all that are given must hold.',
  },
  not: { type: 'string', multiple: true, value: 'FIELD=GLOB', description: 'Only records without such a field.' },
} as const;

export interface SelectionInput {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly match?: string[] | undefined;
  readonly not?: string[] | undefined;
}

/** Which records a command is about. Times are milliseconds since 1970, of receipt. */
export interface Selection {
  readonly fromMs: number;
  readonly toMs: number;
  readonly matcher: Matcher;
}

/** Reads the options. Throws `USAGE`. */
export function selectionOf(input: SelectionInput, nowMs: number): Selection {
  const selection = {
    fromMs: input.from === undefined ? 0 : timeOf('from', input.from, nowMs),
    toMs: input.to === undefined ? Number.MAX_SAFE_INTEGER : timeOf('to', input.to, nowMs),
    matcher: compileMatch({ ...conditions('match', input.match), not: conditions('not', input.not) }),
  };
  if (selection.fromMs >= selection.toMs) throw new RelayError('USAGE', '--from must be before --to');
  return selection;
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time as people write it on a command line, in milliseconds since 1970. Throws `USAGE`. */
export function timeOf(name: string, text: string, nowMs: number): number {
  const ago = /^(\d{1,9})([smhd])$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * UNITS_MS[ago[2]!]!;
  const ms = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)
    ? Date.parse(text)
    : NaN;
  if (Number.isNaN(ms))
    throw new RelayError(
      'USAGE',
      `--${name} takes a time such as 2026-11-22T05:00:00Z, or how long ago, such as 2h; not "${text}"`,
    );
  return ms;
}

function conditions(name: string, given: readonly string[] | undefined): MatchOptions {
  const fields: Record<string, string[]> = {};
  for (const condition of given ?? []) {
    const at = condition.indexOf('=');
    if (at < 1)
      throw new RelayError('USAGE', `--${name} takes FIELD=GLOB, such as host.name=web-*; not "${condition}"`);
    (fields[condition.slice(0, at)] ??= []).push(condition.slice(at + 1));
  }
  return fields;
}

/** Records of one batch that were selected. */
export interface SelectedLines {
  readonly firstSeq: number;
  readonly records: number;
  /** Lines, each ended by LF. */
  readonly lines: Buffer;
  /** The place of the last record looked at. */
  readonly lastSeq: number;
}

/** The first place that is looked at for a selection. */
export function firstPlace(archive: Archive, { fromMs }: Selection, fromSeq: number): number {
  return fromMs === 0 ? fromSeq : Math.max(fromSeq, archive.seqReceivedFrom(fromMs));
}

/** The selected records of the journal, in order, batch by batch. */
export function* selectRecords(
  archive: Archive,
  selection: Selection,
  range: { readonly fromSeq: number; readonly endSeq: number },
  onDamage: (problem: string) => void,
): Generator<SelectedLines> {
  const start = firstPlace(archive, selection, range.fromSeq);
  for (const batch of archive.batches(start, range.endSeq, onDamage)) {
    if (batch.receivedFirstMs >= selection.toMs) return;
    yield selectFrom(batch, selection, start);
  }
}

function selectFrom(batch: ArchivedBatch, selection: Selection, fromSeq: number): SelectedLines {
  const lastSeq = batch.firstSeq + batch.records - 1;
  const verdict = selection.matcher.batch(batch.datasets);
  const wholeTime = batch.receivedFirstMs >= selection.fromMs && batch.receivedLastMs < selection.toMs;
  if (verdict === 'none') return { firstSeq: batch.firstSeq, records: 0, lines: Buffer.alloc(0), lastSeq };
  if (verdict === 'all' && wholeTime && batch.absent === 0 && batch.firstSeq >= fromSeq)
    return { firstSeq: batch.firstSeq, records: batch.records, lines: batch.lines, lastSeq };
  const parts: Buffer[] = [];
  forEachLine(batch.lines, (start, end, index) => {
    if (batch.firstSeq + index < fromSeq) return;
    const receivedMs = Date.parse(createdOf(batch.lines, start));
    if (receivedMs < selection.fromMs || receivedMs >= selection.toMs) return;
    if (verdict === 'some' && !selection.matcher.line(batch.lines.toString('utf8', start, end))) return;
    parts.push(batch.lines.subarray(start, end + 1));
  });
  return { firstSeq: batch.firstSeq, records: parts.length, lines: Buffer.concat(parts), lastSeq };
}
