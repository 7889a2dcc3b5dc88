import { expect, test } from 'vitest';
import type { BuiltBatch } from '../../relay/record/batch.ts';
import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import { fragment, sourceOf } from '../../relay/record/line-writer.ts';
import { createdOf, datasetOf, eventIdOf, forEachLine, lineOffsets } from '../../relay/record/lines.ts';
import { Slab, SlabPool } from '../../relay/record/slab.ts';

const NOW_MS = Date.parse('2026-11-22T05:20:10.123Z');
const syslog = { name: 'syslog', stored: true };

class Building {
  readonly batches: BuiltBatch[] = [];
  readonly pool = new SlabPool({ slabBytes: 1_048_576, idleMax: 4 });
  readonly builder: BatchBuilder;
  nowMs = NOW_MS;

  constructor(bytesMax = 524_288) {
    this.builder = new BatchBuilder({
      pool: this.pool,
      idPrefix: eventIdPrefix('testnd', 1),
      firstSeq: 100,
      bytesMax,
      nowMs: () => this.nowMs,
      onSealed: (batch) => this.batches.push(batch),
    });
  }

  readonly write = (text: string, dataset = syslog, eventTimeMs = NOW_MS): void => {
    const source = sourceOf(Buffer.from(text));
    const writer = this.builder.open(dataset, source.bytes.length);
    writer.raw(fragment('},"message":"'));
    writer.text(source, 0, source.bytes.length);
    writer.byte(0x22);
    this.builder.stream('host', source, 0, Math.min(5, source.bytes.length));
    this.builder.close(eventTimeMs);
  };

  readonly lines = (batch: BuiltBatch): Buffer => batch.slab.bytes.subarray(0, batch.bytes);
}

test('a batch holds lines with id, time and dataset where they are looked for, and tells what the index needs', () => {
  const { builder, batches, write, lines } = new Building();
  write('first', syslog, NOW_MS + 5_000);
  write('second', { name: 'harbor.audit', stored: true }, NOW_MS - 5_000);
  builder.seal();

  const [batch] = batches;
  expect(batch).toMatchObject({
    firstSeq: 100,
    records: 2,
    datasets: { syslog: 1, 'harbor.audit': 1 },
    streams: ['host:first', 'host:secon'],
    streamsCut: false,
    transient: false,
    receivedFirstMs: NOW_MS,
    receivedLastMs: NOW_MS,
    eventFirstMs: NOW_MS - 5_000,
    eventLastMs: NOW_MS + 5_000,
    continues: false,
  });
  const bytes = lines(batch!);
  const [, second = 0] = lineOffsets(bytes, 2);
  expect(eventIdOf(bytes, 0)).toBe('testnd-0000001-000000034');
  expect(eventIdOf(bytes, second)).toBe('testnd-0000001-000000035');
  expect(createdOf(bytes, second)).toBe('2026-11-22T05:20:10.123Z');
  expect(datasetOf(bytes, second)).toBe('harbor.audit');
  forEachLine(bytes, (from, to, index) => {
    const record = JSON.parse(bytes.toString('utf8', from, to)) as { message: string; event: { created: string } };
    expect(record.message).toBe(['first', 'second'][index]);
    expect(record.event.created).toBe('2026-11-22T05:20:10.123Z');
  });
});

test('sealing nothing hands over nothing', () => {
  const { builder, batches } = new Building();
  builder.seal();
  expect(batches).toEqual([]);
});

test('a small batch gets memory to measure, a large one keeps its slab', () => {
  const { builder, batches, write } = new Building();
  write('small');
  builder.seal();
  for (let n = 0; n < 2; n++) write('x'.repeat(50_000));
  builder.seal();

  expect(batches[0]!.slab.size).toBe(batches[0]!.bytes);
  expect(batches[1]!.slab.size).toBe(1_048_576);
});

test('a batch is sealed when it is full, and the places go on', () => {
  const { builder, batches, write } = new Building(65_536);
  for (let n = 0; n < 100; n++) write('x'.repeat(2_000));
  builder.seal();

  expect(batches.length).toBeGreaterThan(2);
  let next = 100;
  for (const batch of batches) {
    expect(batch.firstSeq).toBe(next);
    expect(batch.bytes).toBeLessThan(65_536 + 4_096);
    next += batch.records;
  }
  expect(next).toBe(200);
  expect(builder.nextSeq).toBe(200);
});

test('a slab that is let go of is built in again, and what was handed over before stays as it was', () => {
  const building = new Building();
  for (let n = 0; n < 2; n++) building.write('a'.repeat(50_000));
  building.builder.seal();
  const [first] = building.batches;
  for (let n = 0; n < 2; n++) building.write('b'.repeat(50_000));
  building.builder.seal();
  expect(building.lines(first!).toString()).toContain('aaaa');
  const { slab } = first!;
  slab.release();
  for (let n = 0; n < 2; n++) building.write('c'.repeat(50_000));
  building.builder.seal();

  expect(building.batches[2]!.slab === slab).toBe(true);
  expect(building.batches[1]!.slab === slab).toBe(false);
});

test('a record larger than a slab gets one to measure', () => {
  const { builder, batches, write, lines } = new Building();
  write('before');
  write('x'.repeat(1_048_576));
  write('after');
  builder.seal();

  expect(batches.map(({ records }) => records)).toEqual([1, 1, 1]);
  expect(lines(batches[1]!).length).toBeGreaterThan(1_048_576);
  expect(JSON.parse(lines(batches[2]!).toString())).toMatchObject({ message: 'after' });
});

test('records that are stored and records that are not never share a batch', () => {
  const { builder, batches, write } = new Building();
  for (const stored of [true, true, false, false, true]) write('x', { name: 'x', stored });
  builder.seal();
  expect(batches.map(({ records, transient }) => [records, transient])).toEqual([
    [2, false],
    [2, true],
    [1, false],
  ]);
});

test('a request in several batches says so in all but the last, which has its key', () => {
  const { builder, batches, write } = new Building(65_536);
  builder.beginRequest();
  for (let n = 0; n < 5; n++) write('x'.repeat(40_000));
  builder.endRequest('key');
  builder.seal();

  expect(batches.length).toBeGreaterThan(1);
  expect(batches.map(({ continues }) => continues)).toEqual([...batches.slice(1).map(() => true), false]);
  expect(batches.flatMap(({ receipts }) => receipts)).toEqual([{ key: 'key' }]);
  expect(batches.at(-1)!.receipts).toHaveLength(1);
});

test('more streams than a batch can name are told of as such', () => {
  const { builder, batches, write } = new Building();
  for (let n = 0; n < 513; n++) write(String(n).padStart(5, '0'));
  builder.seal();
  write('next');
  builder.seal();

  expect(batches[0]!.streams).toHaveLength(512);
  expect(batches[0]!.streamsCut).toBe(true);
  expect(batches[1]).toMatchObject({ streams: ['host:next'], streamsCut: false });
});

test('the same name of another kind is another stream', () => {
  const { builder, batches } = new Building();
  const name = sourceOf(Buffer.from('a'));
  const writer = builder.open(syslog, 1);
  writer.raw(fragment('}'));
  for (const kind of ['host', 'user', 'host']) builder.stream(kind, name, 0, 1);
  builder.close(0);
  builder.seal();
  expect(batches[0]!.streams).toEqual(['host:a', 'user:a']);
});

test('a clock that is set back does not turn the receive times of a batch round', () => {
  const building = new Building();
  building.write('a');
  building.nowMs -= 60_000;
  building.builder.touch();
  building.write('b');
  building.builder.seal();
  expect(building.batches[0]).toMatchObject({ receivedFirstMs: NOW_MS - 60_000, receivedLastMs: NOW_MS });
});

test('a record that was begun and not ended is taken back', () => {
  const { builder, batches, write, lines } = new Building();
  write('a');
  builder.open({ name: 'half', stored: true }, 10).raw(fragment('},"message":"ha'));
  builder.seal();
  builder.open(syslog, 10).raw(fragment('},"mess'));
  write('b');
  builder.seal();

  expect(batches.map(({ records, datasets }) => [records, datasets])).toEqual([
    [1, { syslog: 1 }],
    [1, { syslog: 1 }],
  ]);
  for (const batch of batches) JSON.parse(lines(batch).toString());
});

test('names of datasets without end do not fill the memory', () => {
  const { builder, batches, write } = new Building();
  for (let n = 0; n < 2_500; n++) write('x', { name: `d${n}`, stored: true });
  builder.seal();
  expect(Object.keys(batches[0]!.datasets)).toHaveLength(2_500);
});

test('a slab used after it was let go of, or let go of twice, is a mistake that is told', () => {
  const slab = new Slab(8);
  slab.retain();
  slab.release();
  slab.release();
  expect(() => slab.release()).toThrow('released twice');
  expect(() => slab.retain()).toThrow('after its last holder');
  const used = new Slab(8);
  expect(() => used.revive()).toThrow('in use');
});

test('a pool keeps so many slabs and no more', () => {
  const pool = new SlabPool({ slabBytes: 16, idleMax: 2 });
  const slabs = [pool.take(1), pool.take(16), pool.take(1)];
  for (const slab of slabs) slab.release();
  const again = [pool.take(1), pool.take(1), pool.take(1)];
  expect(again.filter((slab) => slabs.includes(slab))).toHaveLength(2);
  const large = pool.take(17);
  expect(large.size).toBe(17);
  large.release();
  expect(pool.take(1)).not.toBe(large);
});
