import type { EcsNode } from './ecs-tree.ts';
import { TRAIT_ESCAPE, unescapeJsonString } from './json-text.ts';
import { sourceOf } from './line-writer.ts';
import { Scratch, type SenderField, type SenderRecord } from './sender-fields.ts';
import type { Text } from './text-pieces.ts';

/** Gives the bytes that a string stands for: in place where it has no escapes, otherwise in memory of its own. */
export class RawTextReader {
  readonly #scratch = new Scratch();
  readonly #text = { source: sourceOf(new Uint8Array(0)), start: 0, end: 0 };

  /** Memory that stays as it is until `clear`, also for others who work on the same record. */
  get scratch(): Scratch {
    return this.#scratch;
  }

  clear(): void {
    this.#scratch.clear();
  }

  /** The object returned is the same each time; the bytes stay until `clear`. */
  read(field: SenderField | EcsNode, record: SenderRecord): Text {
    const text = this.#text;
    text.source = field.value;
    text.start = field.textStart;
    text.end = field.textEnd;
    const isPlain = field.form === 'text' || ((field.traits & TRAIT_ESCAPE) === 0 && record.dialect === 'plain');
    if (isPlain || field.traits === 0) return text;
    const room = this.#scratch.room(text.end - text.start);
    const at = this.#scratch.used;
    const length = unescapeJsonString(field.value, text.start, text.end, room.bytes, at, record.dialect);
    this.#scratch.used = at + length;
    text.source = room;
    text.start = at;
    text.end = at + length;
    return text;
  }
}
