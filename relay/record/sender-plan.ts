import { setValue, type EcsNode } from './ecs-tree.ts';
import type { SenderField, SenderRecord } from './sender-fields.ts';
import { sameBytes, type KnownKey } from './sender-keys.ts';

/** A record with more members is placed anew each time. */
const MEMBERS_MAX = 32;
const DOT = 0x2e;

interface Member {
  /** Undefined where the name means nothing. */
  known: KnownKey | undefined;
  key: Uint8Array;
  kind: number;
  placed: boolean;
  /** Where in the tree the value is. */
  node: EcsNode | undefined;
}

/**
 * Remembers where the members of the last record went. Most senders give the same names in the same order for hours, and then only the
 * values have to be put in place. Learns nothing from a record whose values decide on places, or that had to be taken apart.
 */
export class SenderPlan {
  readonly #members: Member[] = [];
  #count = -1;
  /** The numbers of the members that are the text and the time; -1 for none. */
  #message = -1;
  #time = -1;
  #dialect = 'plain';

  forget(): void {
    this.#count = -1;
  }

  /** Remembers a record that has been placed. `nodes` are the places of its members in the tree, by their numbers. */
  learn(
    record: SenderRecord,
    message: SenderField | undefined,
    timeField: SenderField | undefined,
    nodes: readonly (EcsNode | undefined)[],
  ): void {
    this.forget();
    const { fields, count } = record;
    if (count > MEMBERS_MAX) return;
    for (let i = 0; i < count; i++) {
      const field = fields[i]!;
      const isPut = field.placed && field !== message && field !== timeField;
      if ((isPut && nodes[i] === undefined) || (field.known === undefined && hasDot(field))) return;
    }
    let messageAt = -1;
    let timeAt = -1;
    for (let i = 0; i < count; i++) {
      const field = fields[i]!;
      const { key, keyStart, keyEnd } = field;
      if (field === message) messageAt = i;
      else if (field === timeField) timeAt = i;
      this.#members[i] = {
        known: field.known,
        key: Uint8Array.from(key.bytes.subarray(keyStart, keyEnd)),
        kind: kindOf(field),
        placed: field.placed,
        node: nodes[i],
      };
    }
    this.#message = messageAt;
    this.#time = timeAt;
    this.#dialect = record.dialect;
    this.#count = count;
  }

  /** True where the record has the members of the one that was learnt from. */
  fits(record: SenderRecord): boolean {
    const { fields, count } = record;
    if (count !== this.#count || record.dialect !== this.#dialect) return false;
    if (Number.isNaN(record.timeSeconds) !== this.#time >= 0) return false;
    for (let i = 0; i < count; i++) {
      const field = fields[i]!;
      const member = this.#members[i]!;
      if (field.known !== member.known || kindOf(field) !== member.kind) return false;
      const { key } = member;
      if (member.known === undefined && !sameBytes(key, 0, key.length, field.key.bytes, field.keyStart, field.keyEnd))
        return false;
    }
    return true;
  }

  /** The member that is the time of a record that fits, which must be looked at before the record is placed. */
  timeFieldOf(record: SenderRecord): SenderField | undefined {
    return this.#time < 0 ? undefined : record.fields[this.#time];
  }

  /** Puts the values of a record that fits where they belong, and returns the member that is the text. */
  follow(record: SenderRecord): SenderField | undefined {
    const { fields, count } = record;
    for (let i = 0; i < count; i++) {
      const { placed, node } = this.#members[i]!;
      const field = fields[i]!;
      field.placed = placed;
      if (node !== undefined) setValue(node, field);
    }
    return this.#message < 0 ? undefined : fields[this.#message];
  }
}

function hasDot({ key, keyStart, keyEnd }: SenderField): boolean {
  for (let i = keyStart; i < keyEnd; i++) if (key.bytes[i] === DOT) return true;
  return false;
}

/** As far as a place depends on it: text, objects, numbers, and all else. */
function kindOf(field: SenderField): number {
  if (field.form === 'text') return 1;
  const first = field.value.bytes[field.start]!;
  if (first === 0x22) return 1;
  if (first === 0x7b) return 2;
  return first >= 0x30 && first <= 0x39 ? 3 : 4;
}
