import { EcsTree, type EcsNode } from './ecs-tree.ts';
import type { JsonScanner } from './json-scan.ts';
import { findLosses, isUtf8Text } from './json-text.ts';
import { fragment, type Source } from './line-writer.ts';
import { RawTextReader } from './raw-text.ts';
import { SenderChoice } from './sender-choice.ts';
import { SenderField, type SenderRecord } from './sender-fields.ts';
import { hashBytes, hashedName, knownKey, type HashedName } from './sender-keys.ts';
import { SenderPlan } from './sender-plan.ts';
import { setTime } from './sender-time.ts';

const FILE = hashedName('file');
const PATH = hashedName('path');
const LOG = hashedName('log');
const OFFSET = hashedName('offset');
const HOST = hashedName('host');
const NAME = hashedName('name');
const LABELS = hashedName('labels');
const TIME = fragment('time');
const SENDER_PREFIX = Buffer.from('sender_');
const AT_SIGN = 0x40;

/**
 * Decides where the members of a sender's object go: the text, the time, a place in an ECS object, `labels` for what ECS has no
 * place for, or (`placed` is false) the top of the line under their own names. Holds the result until the next `place`.
 */
export class SenderPlacement {
  readonly tree: EcsTree;
  readonly rawText = new RawTextReader();
  readonly choice = new SenderChoice(this.rawText);
  readonly #plan = new SenderPlan();
  /** Where in the tree the members are, by their numbers. */
  readonly #nodes: (EcsNode | undefined)[] = [];

  constructor(scanner: JsonScanner) {
    this.tree = new EcsTree(scanner);
  }

  clear(record: SenderRecord | undefined): void {
    this.tree.clear(record?.dialect ?? 'plain');
    this.#plan.forget();
    this.#nodes.length = 0;
    this.rawText.clear();
    this.choice.clear();
  }

  place(record: SenderRecord): void {
    if (this.#follow(record)) return;
    this.clear(record);
    const { choice } = this;
    choice.choose(record);
    if (choice.timeInvalid && !Number.isNaN(record.timeSeconds)) this.#labelProtocolTime(record);
    this.#placeFields(record);
    // Not from a record without a time, or whose first choice of a time was none: which member is the time is then up to the values.
    const isPlain = choice.hasTime && !choice.timeInvalid;
    if (isPlain && !this.tree.lossy && !this.tree.overflow && !record.lossy)
      this.#plan.learn(record, choice.message, choice.timeField, this.#nodes);
  }

  /** Places a record as the last one was, where its members are the same. */
  #follow(record: SenderRecord): boolean {
    if (!this.#plan.fits(record)) return false;
    this.rawText.clear();
    const { choice } = this;
    const timeField = this.#plan.timeFieldOf(record);
    const hasTime =
      timeField === undefined
        ? setTime(record.timeSeconds, record.timeNanos, record.timeDigits, choice.time)
        : choice.readTime(timeField, record);
    if (!hasTime) return false;
    choice.message = this.#plan.follow(record);
    return true;
  }

  /** True where a member beside the message holds what is no text: the line then has U+FFFD in its place. */
  othersAreLossy(record: SenderRecord): boolean {
    for (let i = 0; i < record.count; i++) {
      const field = record.fields[i]!;
      if (field === this.choice.message) continue;
      const lossy =
        field.form === 'text'
          ? !isUtf8Text(field.value, field.start, field.end)
          : findLosses(field.value, field.start, field.end, field.traits, record.dialect) !== 0;
      if (lossy) return true;
    }
    return false;
  }

  /**
   * Keeps a value, as text, in `labels`: under its own name, or with `sender_` before it where a label of that name would look
   * like the relay's own word.
   */
  label(value: SenderField | EcsNode, key: Source, keyStart: number, keyEnd: number, prefixed: boolean): void {
    const { tree } = this;
    const labels = this.descend(tree.root, LABELS);
    const form = value.form;
    if (labels === undefined) {
      tree.lossy = true;
      return;
    }
    let name = key;
    let start = keyStart;
    let end = keyEnd;
    if (prefixed) {
      const { scratch } = this.rawText;
      name = scratch.room(SENDER_PREFIX.length + keyEnd - keyStart);
      start = scratch.used;
      name.bytes.set(SENDER_PREFIX, start);
      name.bytes.set(key.bytes.subarray(keyStart, keyEnd), start + SENDER_PREFIX.length);
      end = start + SENDER_PREFIX.length + keyEnd - keyStart;
      scratch.used = end;
    }
    if (form === 'json') value.form = 'json_as_text';
    if (!tree.place(labels, name, start, end, hashBytes(name.bytes, start, end), value)) tree.lossy = true;
    value.form = form;
  }

  /** `log.file.path`, where the record has one. Takes nothing apart in a record without `log`. */
  filePath(): EcsNode | undefined {
    const log = this.find(this.tree.root, LOG);
    if (log === undefined || !log.isObject) return undefined;
    this.tree.open(log);
    const file = this.find(log, FILE);
    if (file === undefined || !file.isObject) return undefined;
    this.tree.open(file);
    const path = this.find(file, PATH);
    return path?.isString === true ? path : undefined;
  }

  find(parent: EcsNode, { name, hash }: HashedName): EcsNode | undefined {
    return this.tree.find(parent, name, 0, name.bytes.length, hash);
  }

  descend(parent: EcsNode, { name, hash }: HashedName): EcsNode | undefined {
    return this.tree.descend(parent, name, 0, name.bytes.length, hash);
  }

  #labelProtocolTime({ timeSeconds, timeNanos }: SenderRecord): void {
    const field = new SenderField();
    field.value = fragment(`${timeSeconds}.${timeNanos.toString().padStart(9, '0')}`);
    field.end = field.value.bytes.length;
    field.form = 'text';
    this.label(field, TIME, 0, TIME.bytes.length, true);
  }

  #placeFields(record: SenderRecord): void {
    const { tree } = this;
    let aliases = 0;
    for (let i = 0; i < record.count; i++) {
      const field = record.fields[i]!;
      const { known } = field;
      if (field.placed) continue;
      if (known === undefined) this.#placeDotted(field);
      else if (known.reserved) this.#labelReserved(field);
      else if (known.alias !== undefined && !field.isObject) aliases++;
      else if (known.fieldset) {
        const { name, hash } = known;
        field.placed = field.isObject && tree.place(tree.root, name, 0, name.bytes.length, hash, field);
        if (!field.placed) this.#labelOwn(field);
      } else if (known.message === 1) this.#labelOwn(field);
      else if (known.time === 1) this.#labelReserved(field);
    }
    if (aliases === 0) return;
    for (let i = 0; i < record.count; i++) {
      const field = record.fields[i]!;
      if (!field.placed && field.known?.alias !== undefined) this.#nodes[i] = this.#placeAlias(field);
    }
  }

  /** `file`, `offset`, `host` and their like, once it is known that nothing better stands in the place they are meant for. */
  #placeAlias(field: SenderField): EcsNode | undefined {
    const { tree } = this;
    const alias = field.known?.alias;
    let parent: EcsNode | undefined;
    let place = NAME;
    if (alias === 'host') {
      parent = field.isString ? this.descend(tree.root, HOST) : undefined;
    } else if (alias === 'file') {
      const log = field.isString ? this.descend(tree.root, LOG) : undefined;
      parent = log === undefined ? undefined : this.descend(log, FILE);
      place = PATH;
    } else {
      parent = isNumber(field) ? this.descend(tree.root, LOG) : undefined;
      place = OFFSET;
    }
    if (parent !== undefined && this.find(parent, place) === undefined) {
      field.placed = tree.place(parent, place.name, 0, place.name.bytes.length, place.hash, field);
      return this.find(parent, place);
    }
    if (field.known?.fieldset === true) this.#labelOwn(field);
    return undefined;
  }

  /** A name with dots that begins with a field set of ECS is the path to a place in it; all others stay as they are. */
  #placeDotted(field: SenderField): void {
    const { key, keyStart, keyEnd } = field;
    const { bytes } = key;
    const dot = dotAfter(bytes, keyStart, keyEnd);
    if (dot === keyEnd || dot === keyStart) return;
    const prefix = knownKey(bytes, keyStart, dot, hashBytes(bytes, keyStart, dot));
    if (prefix === undefined) return;
    if (prefix.reserved) return this.#labelReserved(field);
    if (!prefix.fieldset || !isPath(bytes, dot, keyEnd)) return;
    let parent = this.descend(this.tree.root, prefix);
    for (let start = dot + 1; parent !== undefined;) {
      const end = dotAfter(bytes, start, keyEnd);
      const hash = hashBytes(bytes, start, end);
      if (end === keyEnd) {
        field.placed = this.tree.place(parent, key, start, end, hash, field);
        break;
      }
      parent = this.tree.descend(parent, key, start, end, hash);
      start = end + 1;
    }
    if (!field.placed) this.#labelOwn(field);
  }

  #labelOwn(field: SenderField): void {
    field.placed = true;
    this.label(field, field.key, field.keyStart, field.keyEnd, false);
  }

  #labelReserved(field: SenderField): void {
    field.placed = true;
    const start = field.key.bytes[field.keyStart] === AT_SIGN ? field.keyStart + 1 : field.keyStart;
    this.label(field, field.key, start, field.keyEnd, true);
  }
}

function isNumber(field: SenderField): boolean {
  const byte = field.value.bytes[field.start]!;
  return field.form === 'json' && byte >= 0x30 && byte <= 0x39;
}

function dotAfter(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== 0x2e) at++;
  return at;
}

/** True where no part between the dots is empty. */
function isPath(bytes: Uint8Array, firstDot: number, end: number): boolean {
  for (let at = firstDot; at < end; at++)
    if (bytes[at] === 0x2e && (at + 1 === end || bytes[at + 1] === 0x2e)) return false;
  return true;
}
