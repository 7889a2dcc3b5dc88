import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { SenderRecordWriter } from '../../relay/record/sender-record.ts';
import { SlabPool } from '../../relay/record/slab.ts';
import { newEntry, readEntry } from '../../relay/wire/forward.ts';
import { EntryWriter } from '../../relay/wire/msgpack-entry.ts';
import type { ParsedRecord } from '../support/input-harness.ts';
import { EventTime, pack } from '../support/msgpack.ts';

const folder = join(import.meta.dirname, '../vectors/fluent-bit');

/** The records that the entries in `bytes`, one after the other, become. */
function recordsOf(bytes: Buffer): ParsedRecord[] {
  const lines: string[] = [];
  const builder = new BatchBuilder({
    pool: new SlabPool({ slabBytes: 1 << 20, idleMax: 2 }),
    idPrefix: eventIdPrefix('testnd', 1),
    firstSeq: 1,
    bytesMax: 512 * 1024,
    nowMs: () => 1_700_000_000_000,
    onSealed: (batch) => {
      lines.push(...batch.slab.bytes.toString('utf8', 0, batch.bytes).split('\n').slice(0, -1));
      batch.slab.release();
    },
  });
  const writer = new SenderRecordWriter({
    recorder: builder,
    input: 'test',
    dataset: { name: 'test', stored: true },
    datasetOf: (name) => ({ name, stored: true }),
    flagged: () => {},
    keepOriginal: false,
    recordBytesMax: 1 << 20,
  });
  const entries = new EntryWriter(writer);
  const entry = newEntry();
  const source = sourceOf(bytes);
  for (let at = 0; at < bytes.length; at = entries.end) {
    expect(readEntry(source, at, entry)).toBe(true);
    entries.write(source, at, entry, { format: 'msgpack', tag: undefined, peer: undefined });
  }
  builder.seal();
  return lines.map((line) => JSON.parse(line) as ParsedRecord);
}

test('the entries of Fluent Bit’s tcp output give back the lines of the file, byte for byte', () => {
  const records = recordsOf(readFileSync(join(folder, 'tcp-msgpack/conn-0.c2s.bin')));

  const bytes = records.map((record) => {
    const base64 = record['spillway'].original_base64 as string | undefined;
    return base64 === undefined ? Buffer.from(record['message'] as string) : Buffer.from(base64, 'base64');
  });
  const lines = Buffer.concat(bytes.flatMap((line) => [line, Buffer.from('\n')]));
  expect(lines.equals(readFileSync(join(folder, 'fixture/records.log')))).toBe(true);
});

test('values whose JSON is many times as long as their MessagePack find room in the line', () => {
  const empty = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, [[], [{}], false, -1.5e-300]]));
  const dense = Array.from({ length: 20_000 }, () => false);
  const entry = [new EventTime(1_700_000_000), { log: '\u0001'.repeat(5_000), dense, ...empty }];

  const [record] = recordsOf(pack(entry));

  expect(record).toMatchObject({ message: '\u0001'.repeat(5_000), dense, ...empty });
});
