import type { JsonScanner, MemberSink } from './json-scan.ts';
import {
  TRAIT_ESCAPE,
  findLosses,
  unescapeJsonString,
  writeJsonAsText,
  writeJsonValue,
  type Dialect,
} from './json-text.ts';
import { sourceOf, type LineWriter, type Source } from './line-writer.ts';
import { KEY_BYTES_MAX, Scratch, type SenderField, type ValueForm } from './sender-fields.ts';
import { hashBytes, sameBytes } from './sender-keys.ts';

const NODES_MAX = 512;
const NOTHING = sourceOf(new Uint8Array(0));

/** A member of an ECS object: a value, or, where it was put together from several members, children. */
export class EcsNode {
  name: Source = NOTHING;
  nameStart = 0;
  nameEnd = 0;
  hash = 0;
  value: Source = NOTHING;
  start = 0;
  end = 0;
  form: ValueForm = 'json';
  traits = 0;
  /** True where `first` counts and `value` does not. */
  hasChildren = false;
  first: EcsNode | undefined;
  last: EcsNode | undefined;
  next: EcsNode | undefined;

  get isObject(): boolean {
    return this.hasChildren || (this.form === 'json' && this.value.bytes[this.start] === 0x7b);
  }

  get isString(): boolean {
    return !this.hasChildren && (this.form !== 'json' || this.value.bytes[this.start] === 0x22);
  }

  get textStart(): number {
    return this.form === 'json' ? this.start + 1 : this.start;
  }

  get textEnd(): number {
    return this.form === 'json' ? this.end - 1 : this.end;
  }
}

/**
 * The objects of one record's line, put together from what a sender gave in several ways: `"log":{"file":{…}}`, `"log.offset"`,
 * `"file"`. A value is only taken apart where something must be put in or taken out. Nodes are used again for each record.
 */
export class EcsTree implements MemberSink {
  readonly root = new EcsNode();
  dialect: Dialect = 'plain';
  /** True where a member was given twice, or did not fit beside another one: the line then does not hold all of them. */
  lossy = false;
  /** True where it has become too large. */
  overflow = false;
  readonly #scanner: JsonScanner;
  readonly #nodes: EcsNode[] = [];
  readonly #scratch = new Scratch();
  /** The member being placed, at each depth of objects within objects. */
  readonly #values: EcsNode[] = [];
  #depth = 0;
  #used = 0;
  #target = this.root;

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
    this.root.hasChildren = true;
  }

  clear(dialect: Dialect): void {
    this.root.first = undefined;
    this.root.last = undefined;
    this.#used = 0;
    this.#scratch.clear();
    this.dialect = dialect;
    this.lossy = false;
    this.overflow = false;
  }

  find(parent: EcsNode, name: Source, start: number, end: number, hash: number): EcsNode | undefined {
    for (let node = parent.first; node !== undefined; node = node.next) {
      if (node.hash === hash && sameBytes(node.name.bytes, node.nameStart, node.nameEnd, name.bytes, start, end))
        return node;
    }
    return undefined;
  }

  /** The child object of this name, made where there is none; undefined where something else stands there. */
  descend(parent: EcsNode, name: Source, start: number, end: number, hash: number): EcsNode | undefined {
    let node = this.find(parent, name, start, end, hash);
    if (node === undefined) {
      node = this.#append(parent, name, start, end, hash);
      node.hasChildren = true;
      return node;
    }
    if (!node.isObject) return undefined;
    this.open(node);
    return node;
  }

  /** Puts a value in its place. False where something of another kind stands there already. */
  place(
    parent: EcsNode,
    name: Source,
    nameStart: number,
    nameEnd: number,
    hash: number,
    field: SenderField | EcsNode,
  ): boolean {
    const node = this.find(parent, name, nameStart, nameEnd, hash);
    if (node === undefined) {
      setValue(this.#append(parent, name, nameStart, nameEnd, hash), field);
      return true;
    }
    if (node.isObject !== field.isObject) return false;
    if (!field.isObject) {
      this.lossy = true;
      setValue(node, field);
      return true;
    }
    this.open(node);
    this.#addMembers(node, field.value, field.start, field.end);
    return true;
  }

  /** Turns an object's text into children. */
  open(node: EcsNode): void {
    if (node.hasChildren) return;
    node.hasChildren = true;
    this.#addMembers(node, node.value, node.start, node.end);
  }

  /** Takes a child out. */
  remove(parent: EcsNode, child: EcsNode): void {
    let before: EcsNode | undefined;
    for (let node = parent.first; node !== undefined && node !== child; node = node.next) before = node;
    if (before === undefined) parent.first = child.next;
    else before.next = child.next;
    if (parent.last === child) parent.last = before;
  }

  /** A member of the object that is being taken apart, from the scanner. */
  member(
    source: Source,
    keyStart: number,
    keyEnd: number,
    keyTraits: number,
    start: number,
    end: number,
    traits: number,
  ): void {
    if (keyEnd === keyStart || findLosses(source, keyStart, keyEnd, keyTraits, this.dialect) !== 0) {
      this.lossy = true;
      return;
    }
    let name = source;
    let nameStart = keyStart;
    let nameEnd = keyEnd;
    if ((keyTraits & TRAIT_ESCAPE) !== 0) {
      name = this.#scratch.room(keyEnd - keyStart);
      nameStart = this.#scratch.used;
      nameEnd = nameStart + unescapeJsonString(source, keyStart, keyEnd, name.bytes, nameStart, this.dialect);
      this.#scratch.used = nameEnd;
    }
    if (nameEnd - nameStart > KEY_BYTES_MAX) this.overflow = true;
    if (this.overflow) return;
    const value = (this.#values[this.#depth++] ??= new EcsNode());
    value.value = source;
    value.start = start;
    value.end = end;
    value.traits = traits;
    const hash = hashBytes(name.bytes, nameStart, nameEnd);
    if (!this.place(this.#target, name, nameStart, nameEnd, hash, value)) this.lossy = true;
    this.#depth--;
  }

  /** Writes a node's value, or an object of its children. */
  write(writer: LineWriter, node: EcsNode): void {
    if (!node.hasChildren) {
      writeValue(writer, node, this.dialect);
      return;
    }
    writer.byte(0x7b);
    for (let child = node.first; child !== undefined; child = child.next) {
      if (child !== node.first) writer.byte(0x2c);
      this.writeMember(writer, child);
    }
    writer.byte(0x7d);
  }

  /** Writes `"name":value`. */
  writeMember(writer: LineWriter, node: EcsNode): void {
    writer.byte(0x22);
    writer.text(node.name, node.nameStart, node.nameEnd);
    writer.byte(0x22);
    writer.byte(0x3a);
    this.write(writer, node);
  }

  #addMembers(node: EcsNode, source: Source, start: number, end: number): void {
    const target = this.#target;
    this.#target = node;
    this.#scanner.object(source, start, end, this);
    this.#target = target;
  }

  #append(parent: EcsNode, name: Source, start: number, end: number, hash: number): EcsNode {
    // Past the bound a node outside the tree takes the value: the record will be kept as text.
    if (this.#used >= NODES_MAX) {
      this.overflow = true;
      return new EcsNode();
    }
    if (this.#used === this.#nodes.length) this.#nodes.push(new EcsNode());
    const node = this.#nodes[this.#used++]!;
    node.name = name;
    node.nameStart = start;
    node.nameEnd = end;
    node.hash = hash;
    node.hasChildren = false;
    node.first = undefined;
    node.last = undefined;
    node.next = undefined;
    if (parent.last === undefined) parent.first = node;
    else parent.last.next = node;
    parent.last = node;
    return node;
  }
}

/** Writes a value in the form that it has. */
export function writeValue(writer: LineWriter, value: SenderField | EcsNode, dialect: Dialect): void {
  if (value.form === 'json') {
    writeJsonValue(writer, value.value, value.start, value.end, value.traits, dialect);
    return;
  }
  writer.byte(0x22);
  if (value.form === 'text') writer.text(value.value, value.start, value.end);
  else writeJsonAsText(writer, value.value, value.start, value.end, value.traits, dialect);
  writer.byte(0x22);
}

/** Gives a node the value of a member. */
export function setValue(node: EcsNode, from: SenderField | EcsNode): void {
  node.value = from.value;
  node.start = from.start;
  node.end = from.end;
  node.form = from.form;
  node.traits = from.traits;
  node.hasChildren = false;
}
