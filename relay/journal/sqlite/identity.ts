import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../io/clock.ts';
import type { Random } from '../../io/random.ts';
import { nodeName } from '../../record/event-id.ts';
import type { JournalIdentity } from '../journal.ts';
import type { Sqlite } from './database.ts';

const FILE = 'identity.json';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Kept extends JournalIdentity {
  /** The place of the next record when this was written. */
  readonly nextSeq: number;
}

/**
 * Who this journal is. Kept twice, in the journal and in a small file beside it, so that neither a damaged journal nor a restored
 * copy makes an `event.id` come twice: the boot number is always above both. `nextSeqBefore` is the place that the next record would have
 * got when the file was last written: a journal that ends before it has lost its end.
 */
export function takeIdentity(
  directory: string,
  database: Sqlite,
  world: { clock: Clock; random: Random },
): JournalIdentity & { readonly nextSeqBefore: number } {
  const beside = readFile(directory);
  const kept = [beside, readDatabase(database)].filter((identity) => identity !== undefined);
  const lastBoot = Math.max(0, ...kept.map((identity) => identity.bootSeconds));
  const identity: JournalIdentity = {
    node: kept[0]?.node ?? nodeName(world.random.bytes(4)),
    relayId: kept[0]?.relayId ?? randomUUID(),
    bootSeconds: Math.max(Math.floor(world.clock.nowMs() / 1_000), lastBoot + 1),
  };
  return { ...identity, nextSeqBefore: beside?.nextSeq ?? 1 };
}

/** How far the journal had come when that was last written beside it; 1 where nothing tells. */
export function rememberedEnd(directory: string): number {
  return readFile(directory)?.nextSeq ?? 1;
}

export function keepIdentity(directory: string, database: Sqlite, identity: Kept): void {
  database.prepare("INSERT OR REPLACE INTO setting (name, value) VALUES ('identity', ?)").run(JSON.stringify(identity));
  writeFile(directory, identity);
}

function readDatabase(database: Sqlite): Kept | undefined {
  const value = database.prepare("SELECT value FROM setting WHERE name = 'identity'").pluck().get();
  return typeof value === 'string' ? parse(value) : undefined;
}

function readFile(directory: string): Kept | undefined {
  const file = join(directory, FILE);
  return existsSync(file) ? parse(readFileSync(file, 'utf8')) : undefined;
}

function parse(text: string): Kept | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  // By hand: the schema library would cost this thread more memory than all else in it.
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('node' in value && 'relayId' in value && 'bootSeconds' in value)) return undefined;
  const { node, relayId, bootSeconds } = value;
  if (typeof node !== 'string' || typeof relayId !== 'string' || !UUID.test(relayId)) return undefined;
  if (typeof bootSeconds !== 'number' || !Number.isSafeInteger(bootSeconds)) return undefined;
  const nextSeq = 'nextSeq' in value ? value.nextSeq : 1;
  return {
    node,
    relayId,
    bootSeconds,
    nextSeq: typeof nextSeq === 'number' && Number.isSafeInteger(nextSeq) ? nextSeq : 1,
  };
}

function writeFile(directory: string, identity: Kept): void {
  const file = join(directory, FILE);
  const fresh = `${file}.new`;
  const handle = openSync(fresh, 'w', 0o600);
  writeSync(handle, `${JSON.stringify(identity)}\n`);
  fsyncSync(handle);
  closeSync(handle);
  renameSync(fresh, file);
}
