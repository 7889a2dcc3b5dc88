import type { HarborAudit } from './harbor-audit.ts';

const SLASH = 0x2f;
const COLON = 0x3a;
const AT = 0x40;
const PLUS = 0x2b;

const ARTIFACT = Buffer.from('artifact');
const TAG = Buffer.from('tag');
const REPOSITORY = Buffer.from('repository');
const PROJECT = Buffer.from('project');
const ROBOT = Buffer.from('robot');
const MEMBER = Buffer.from('member');
const ROBOT_PREFIX = Buffer.from('robot$');
const IN_PROJECT = Buffer.from(' project ');

/** A name of a project (255 in Harbor's database) or repository that is longer is none. */
const NAME_BYTES_MAX = 1_024;

/**
 * Finds project, repository, tag and digest in what the line says. The line does not name them; Harbor's names allow them to be told:
 * a project has no slash, and is the first part of its repositories. Where the line is a guess, nothing is derived from it.
 */
export function deriveFromResource(bytes: Uint8Array, audit: HarborAudit): void {
  const { resourceStart: start, resourceEnd: end } = audit;
  audit.projectStart = audit.projectEnd = start;
  audit.repositoryStart = audit.repositoryEnd = start;
  audit.tagStart = audit.tagEnd = start;
  audit.digestStart = audit.digestEnd = start;
  if (audit.guessed || end === start || end - start > NAME_BYTES_MAX) return;
  const isOf = (type: Uint8Array): boolean => equals(bytes, audit.typeStart, audit.typeEnd, type);
  const untyped = audit.typeEnd === audit.typeStart;
  if (isOf(ARTIFACT) || isOf(TAG) || (untyped && find(bytes, SLASH, start, end) < end)) artifact(bytes, audit);
  else if (isOf(REPOSITORY)) repository(bytes, audit, end);
  else if (isOf(PROJECT)) audit.projectEnd = end;
  else if (isOf(ROBOT)) robot(bytes, audit);
  else if (isOf(MEMBER)) member(bytes, audit);
}

/** `repository:tag` or `repository@sha256:…`. The description names the digest where the resource has a tag. */
function artifact(bytes: Uint8Array, audit: HarborAudit): void {
  const { resourceStart: start, resourceEnd: end } = audit;
  const at = find(bytes, AT, start, end);
  if (at < end) {
    repository(bytes, audit, at);
    audit.digestStart = at + 1;
    audit.digestEnd = end;
    return;
  }
  const colon = findLast(bytes, COLON, start, end);
  const tagged = colon >= start && findLast(bytes, SLASH, start, end) < colon;
  repository(bytes, audit, tagged ? colon : end);
  if (tagged) {
    audit.tagStart = colon + 1;
    audit.tagEnd = end;
  }
  const described = findLast(bytes, AT, audit.descriptionStart, audit.descriptionEnd);
  const length = audit.repositoryEnd - audit.repositoryStart;
  if (described - length < audit.descriptionStart) return;
  for (let i = 1; i <= length; i++) if (bytes[described - i] !== bytes[audit.repositoryEnd - i]) return;
  audit.digestStart = described + 1;
  audit.digestEnd = audit.descriptionEnd;
}

/** A repository up to `end`, and the project that it begins with. */
function repository(bytes: Uint8Array, audit: HarborAudit, end: number): void {
  const slash = find(bytes, SLASH, audit.resourceStart, end);
  if (slash === end || slash === audit.resourceStart) return;
  audit.repositoryEnd = end;
  audit.projectEnd = slash;
}

/** `robot$project+name`; a robot of the whole system has no project. */
function robot(bytes: Uint8Array, audit: HarborAudit): void {
  const nameStart = audit.resourceStart + ROBOT_PREFIX.length;
  if (!equals(bytes, audit.resourceStart, nameStart, ROBOT_PREFIX)) return;
  const plus = find(bytes, PLUS, nameStart, audit.resourceEnd);
  if (plus >= audit.resourceEnd) return;
  audit.projectStart = nameStart;
  audit.projectEnd = plus;
}

/** `… in project P`, `… from project P`: the last words of the description. */
function member(bytes: Uint8Array, audit: HarborAudit): void {
  const { descriptionStart, descriptionEnd } = audit;
  for (let at = descriptionEnd - 1; at > descriptionStart && bytes[at] !== 0x22; at--) {
    if (bytes[at] !== 0x20) continue;
    const word = at + 1 - IN_PROJECT.length;
    if (word < descriptionStart || !equals(bytes, word, at + 1, IN_PROJECT)) return;
    audit.projectStart = at + 1;
    audit.projectEnd = descriptionEnd;
    return;
  }
}

function find(bytes: Uint8Array, byte: number, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}

/** `start - 1` where there is none. */
function findLast(bytes: Uint8Array, byte: number, start: number, end: number): number {
  let at = end - 1;
  while (at >= start && bytes[at] !== byte) at--;
  return at;
}

function equals(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
  return true;
}
