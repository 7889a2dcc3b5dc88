import type { Source } from '../record/line-writer.ts';
import { GO_TIME_BYTES_MAX, goTime, parseGoTime } from './go-time.ts';
import { isPlausible } from './harbor-plausible.ts';
import { deriveFromResource } from './harbor-resource.ts';

/**
 * What one line of Harbor's audit log says, as offsets into it: an empty range is a field that is not there. One object serves all lines.
 */
export class HarborAudit {
  operatorStart = 0;
  operatorEnd = 0;
  typeStart = 0;
  typeEnd = 0;
  actionStart = 0;
  actionEnd = 0;
  resourceStart = 0;
  resourceEnd = 0;
  descriptionStart = 0;
  descriptionEnd = 0;

  /** When it happened. */
  epochMs = 0;
  fractionStart = 0;
  fractionEnd = 0;

  projectStart = 0;
  projectEnd = 0;
  repositoryStart = 0;
  repositoryEnd = 0;
  tagStart = 0;
  tagEnd = 0;
  digestStart = 0;
  digestEnd = 0;

  /** True for the form of Harbor 2.12 and before. */
  legacy = false;
  /** True where the line can be read in more than one way: somebody wrote Harbor's own words into a name. */
  ambiguous = false;
  /** True where, of several ways to read the line, none alone agrees with itself: its fields are a guess. */
  guessed = false;
  /** True where a field holds what begins another line of the audit log. */
  forged = false;
}

/**
 * `incomplete`: it begins as such a line and does not go on to its end, so what follows on the same connection may belong to it.
 * `short`: it could be all of a line of an old release, or one of a newer that is cut off behind its resource.
 */
export type HarborOutcome = 'parsed' | 'incomplete' | 'short';

const OPERATOR = Buffer.from('][operator="');
/** Stands once in each line of the audit log, between what was logged with it and what it says. */
export const HARBOR_SEPARATOR = Buffer.from('"]: action:');
const TIME = Buffer.from('" time="');
const TYPE = Buffer.from('" resourceType="');
const RESOURCE = Buffer.from(', resource:');
const DESCRIPTION = Buffer.from(', operation_description:');
const NEWER_SOURCE = Buffer.from('/auditext/');
const PROGRAM = Buffer.from(' audit[');

/** The operator stands this far behind the message's beginning at most: a time, a level and a name of a file come before it. */
const OPERATOR_WITHIN_BYTES = 200;
const NAME_BYTES_MAX = 64;
/** Of the ways to read a line so many are compared. */
const READINGS_MAX = 16;

/** The bytes of an action and of a resource type. */
const NAME_BYTES = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-'))
  NAME_BYTES[byte] = 1;

/**
 * Where the operator begins in a message `2026-11-22T02:41:36Z [INFO] [/pkg/auditext/manager.go:86][operator="…`, or -1 where the message is
 * none of Harbor's audit log (`src/lib/log/textformatter.go`, fields sorted by name). Looks at a few bytes of any other message.
 */
export function findHarborOperator(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && at < start + 2 && bytes[at] === 0x20) at++;
  if (end - at < 40 || bytes[at + 4] !== 0x2d || bytes[at + 10] !== 0x54 || bytes[at + 13] !== 0x3a) return -1;
  const limit = Math.min(end, at + OPERATOR_WITHIN_BYTES) - OPERATOR.length;
  for (at += 20; at <= limit; at++) if (bytes[at] === 0x5d && stands(bytes, at, OPERATOR)) return at + OPERATOR.length;
  return -1;
}

/**
 * Reads a line of Harbor's audit log whose operator begins at `operatorStart` (`src/pkg/audit/manager.go`,
 * `src/pkg/auditext/manager.go`). Nothing in it is escaped, so the operator goes up to the last place where it can end. First with a resource
 * type, then without: were it optional in one pattern, the operator would swallow it. Takes time linear in the line.
 */
export function parseHarborAudit(
  source: Source,
  messageStart: number,
  operatorStart: number,
  end: number,
  audit: HarborAudit,
): HarborOutcome {
  const { bytes } = source;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end);
  const readings = findReadings(text, operatorStart, end, audit);
  if (readings.length === 0) return 'incomplete';
  choose(text, operatorStart, end, readings, audit);
  const sourceTag = text.subarray(messageStart, operatorStart);
  const newer = sourceTag.includes(NEWER_SOURCE);
  const described = audit.descriptionStart > audit.resourceEnd;
  audit.legacy = !described && !newer;
  const rest = text.subarray(operatorStart, end);
  audit.forged = rest.includes(OPERATOR) || rest.includes(PROGRAM);
  deriveFromResource(bytes, audit);
  return described || !newer ? 'parsed' : 'short';
}

/** Where `"]: action:` stands behind a time and before an action, from `start` on. */
function findReadings(text: Buffer, start: number, end: number, audit: HarborAudit): number[] {
  const readings: number[] = [];
  const untyped: number[] = [];
  for (
    let at = text.indexOf(HARBOR_SEPARATOR, start);
    at >= 0;
    at = text.indexOf(HARBOR_SEPARATOR, at + HARBOR_SEPARATOR.length)
  ) {
    if (!readUpToResource(text, start, at, end, audit)) continue;
    const found = audit.typeEnd > audit.typeStart ? readings : untyped;
    // The last of them counts most.
    if (found.length === READINGS_MAX) found.shift();
    found.push(at);
  }
  audit.ambiguous = readings.length + untyped.length > 1;
  return readings.length > 0 ? readings : untyped;
}

/** Takes the last of the ways to read the line, or the only one that agrees with itself. */
function choose(text: Buffer, start: number, end: number, readings: readonly number[], audit: HarborAudit): void {
  let chosen = readings.at(-1)!;
  audit.guessed = false;
  if (audit.ambiguous) {
    const plausible = readings.filter((at) => read(text, start, at, end, audit) && isPlausible(text, audit));
    audit.guessed = plausible.length !== 1;
    if (plausible.length === 1) chosen = plausible[0]!;
  }
  read(text, start, chosen, end, audit);
}

/** Reads the line as if the operator ended before the separator at `at`. False where that makes no sense. */
function read(text: Buffer, start: number, at: number, end: number, audit: HarborAudit): boolean {
  if (!readUpToResource(text, start, at, end, audit)) return false;
  const description = text.indexOf(DESCRIPTION, audit.resourceStart);
  audit.resourceEnd = description < 0 ? end : description;
  audit.descriptionStart = description < 0 ? end : description + DESCRIPTION.length;
  audit.descriptionEnd = end;
  return true;
}

function readUpToResource(text: Buffer, start: number, at: number, end: number, audit: HarborAudit): boolean {
  const timeStart = text.lastIndexOf(0x22, at - 1) + 1;
  const quote = timeStart - TIME.length;
  if (at - timeStart > GO_TIME_BYTES_MAX || quote < start || !stands(text, quote, TIME)) return false;
  if (!parseGoTime(text, timeStart, at)) return false;
  audit.epochMs = goTime.epochMs;
  audit.fractionStart = goTime.fractionStart;
  audit.fractionEnd = goTime.fractionEnd;
  readOperatorAndType(text, start, quote, audit);

  const actionStart = at + HARBOR_SEPARATOR.length;
  let actionEnd = actionStart;
  while (actionEnd < end && NAME_BYTES[text[actionEnd]!] === 1) actionEnd++;
  const length = actionEnd - actionStart;
  if (length === 0 || length > NAME_BYTES_MAX || !stands(text, actionEnd, RESOURCE)) return false;
  audit.actionStart = actionStart;
  audit.actionEnd = actionEnd;
  audit.resourceStart = actionEnd + RESOURCE.length;
  return true;
}

/** What ends at `quote` is a resource type with the operator before it, or the operator itself. */
function readOperatorAndType(text: Buffer, start: number, quote: number, audit: HarborAudit): void {
  let typeStart = quote;
  while (typeStart > start && NAME_BYTES[text[typeStart - 1]!] === 1) typeStart--;
  const before = typeStart - TYPE.length;
  const typed = quote - typeStart <= NAME_BYTES_MAX && before >= start && stands(text, before, TYPE);
  audit.operatorStart = start;
  audit.operatorEnd = typed ? before : quote;
  audit.typeStart = typed ? typeStart : quote;
  audit.typeEnd = quote;
}

function stands(bytes: Uint8Array, at: number, what: Uint8Array): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false;
  return true;
}
