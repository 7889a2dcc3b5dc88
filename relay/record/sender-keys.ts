import { fragment, type Source } from './line-writer.ts';

/** A name with its hash, ready to be looked for. */
export interface HashedName {
  readonly name: Source;
  readonly hash: number;
}

/** What a name at the top of a sender's object stands for. */
export interface KnownKey extends HashedName {
  /** Names of the text, 1 is the first choice; 0 for none. */
  readonly message: number;
  /** Names of the time, 1 is the first choice; 0 for none. */
  readonly time: number;
  /** Where a plain value belongs that goes by this name. */
  readonly alias: 'file' | 'offset' | 'host' | undefined;
  /** An object of ECS: nothing but an object may stand under this name. */
  readonly fieldset: boolean;
  /** Written by the relay or read by Logstash itself: never taken from a sender as it is. */
  readonly reserved: boolean;
}

const MESSAGES = ['message', 'log', 'msg', 'MESSAGE', 'short_message'];
const TIMES = ['@timestamp', 'time', 'timestamp', 'date'];
const ALIASES = {
  file: 'file',
  path: 'file',
  filename: 'file',
  _file: 'file',
  offset: 'offset',
  _offset: 'offset',
  host: 'host',
  hostname: 'host',
} as const;
const RESERVED = ['spillway', '@metadata'];
/** The field sets of ECS 8, and our own. */
const FIELDSETS = [
  'agent',
  'client',
  'cloud',
  'container',
  'data_stream',
  'destination',
  'device',
  'dll',
  'dns',
  'ecs',
  'email',
  'error',
  'event',
  'faas',
  'file',
  'geo',
  'github',
  'group',
  'harbor',
  'host',
  'http',
  'labels',
  'log',
  'network',
  'observer',
  'orchestrator',
  'organization',
  'package',
  'process',
  'registry',
  'related',
  'rule',
  'server',
  'service',
  'source',
  'threat',
  'tls',
  'url',
  'user',
  'user_agent',
  'vulnerability',
];

const SLOTS = 512;
const slots: (KnownKey | undefined)[] = Array.from({ length: SLOTS });

for (const text of new Set([...MESSAGES, ...TIMES, ...Object.keys(ALIASES), ...RESERVED, ...FIELDSETS])) {
  const { name, hash } = hashedName(text);
  let slot = hash & (SLOTS - 1);
  while (slots[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1);
  slots[slot] = {
    name,
    hash,
    message: MESSAGES.indexOf(text) + 1,
    time: TIMES.indexOf(text) + 1,
    alias: Object.entries(ALIASES).find(([alias]) => alias === text)?.[1],
    fieldset: FIELDSETS.includes(text),
    reserved: RESERVED.includes(text),
  };
}

/** The meaning of a name, or undefined where it has none. `hash` is that of `hashBytes`. */
export function knownKey(bytes: Uint8Array, start: number, end: number, hash: number): KnownKey | undefined {
  for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
    const known = slots[slot];
    if (known === undefined) return undefined;
    if (known.hash === hash && sameBytes(known.name.bytes, 0, known.name.bytes.length, bytes, start, end)) return known;
  }
}

export function hashedName(text: string): HashedName {
  const name = fragment(text);
  return { name, hash: hashBytes(name.bytes, 0, name.bytes.length) };
}

/** FNV-1a. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

export function sameBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false;
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}
