import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { newEntry, readEntry, readMessage, writeAck } from '../../relay/wire/forward.ts';
import { readPing, writeHelo, writePong } from '../../relay/wire/forward-handshake.ts';
import { valueEnd } from '../../relay/wire/msgpack.ts';
import { EventTime, pack, rawString, unpack } from '../support/msgpack.ts';

function read(value: unknown): ReturnType<typeof readMessage> {
  const bytes = pack(value);
  return readMessage(sourceOf(bytes), 0, bytes.length);
}

const time = new EventTime(1_700_000_000, 5);
const record = { log: 'x' };

test.each([
  ['Message', ['tag', time, record], 'message'],
  ['Message with seconds', ['tag', 1_700_000_000, record, {}], 'message'],
  ['Message with nil for options', ['tag', time, record, null], 'message'],
  ['Forward', ['tag', [[time, record]]], 'entries'],
  ['Forward without entries', ['tag', [], { size: 0 }], 'entries'],
  ['PackedForward', ['tag', pack([time, record]), { size: 1 }], 'packed'],
  ['PackedForward in a str', ['tag', 'text'], 'packed'],
])('%s is a message', (_name, value, mode) => {
  expect(read(value)).toMatchObject({ mode, compression: 'none', chunkEnd: 0, signal: 0 });
});

test('options are read, and size is not believed', () => {
  const message = read(['tag', Buffer.alloc(3), { size: 1e9, compressed: 'gzip', chunk: 'abc', fluent_signal: 2 }]);

  expect(message).toMatchObject({ mode: 'packed', compression: 'gzip', signal: 2 });
});

test.each([
  ['gzip', 'gzip'],
  ['zstd', 'zstd'],
  ['text', 'none'],
  ['lz4', 'unknown'],
  [7, 'none'],
])('compressed: %s is %s', (compressed, compression) => {
  expect(read(['tag', Buffer.alloc(3), { compressed }])).toMatchObject({ compression });
});

test('the ack repeats the chunk id as the sender wrote it, whatever its bytes', () => {
  for (const chunk of [pack('abc'), pack(Buffer.from('abc')), rawString(Buffer.from([0xff, 0x00]))]) {
    const bytes = Buffer.concat([Buffer.from([0x93]), pack('tag', []), Buffer.from([0x81]), pack('chunk'), chunk]);
    const message = readMessage(sourceOf(bytes), 0, bytes.length);
    if (message === undefined || message === 'heartbeat') throw new Error('no message');

    const ack = writeAck(bytes, message.chunkStart, message.chunkEnd);
    expect(ack).toEqual(Buffer.concat([Buffer.from([0x81]), pack('ack'), chunk]));
  }
});

test('nil is a heartbeat', () => {
  expect(read(null)).toBe('heartbeat');
});

test.each([
  ['a number', 71],
  ['a map', { tag: 'x' }],
  ['an empty array', []],
  ['a tag alone', ['tag']],
  ['a tag that is none', [1, []]],
  ['a time without a record', ['tag', time]],
  ['a record where the time should be', ['tag', record, time]],
  ['options that are none', ['tag', [], 'options']],
  ['an option too many', ['tag', [], {}, {}]],
  ['five parts', ['tag', time, record, {}, {}]],
  ['a chunk id that is none', ['tag', [], { chunk: 1 }]],
  ['an empty chunk id', ['tag', [], { chunk: '' }]],
  ['a chunk id without end', ['tag', [], { chunk: 'x'.repeat(257) }]],
])('%s is no message', (_name, value) => {
  expect(read(value)).toBeUndefined();
});

test.each([
  ['classic', [time, record], 0],
  ['with metadata', [[time, { a: 1 }], record], 1],
  ['with empty metadata', [[time, {}], record], 0],
  ['with nil for metadata', [[time, null], record], 0],
])('an entry %s is read', (_name, value, metadata) => {
  const bytes = pack(value);
  const entry = newEntry();

  expect(readEntry(sourceOf(bytes), 0, entry)).toBe(true);
  expect(unpack(bytes.subarray(entry.timeAt, entry.timeAt + 10))).toEqual(time);
  expect(unpack(bytes.subarray(entry.recordAt))).toEqual(record);
  expect(entry.metadataAt > 0 ? 1 : 0).toBe(metadata);
});

test('an entry of another shape is none', () => {
  const entry = newEntry();
  for (const value of [null, [], [time], [time, record, 1], [[time], record], [[time, {}, 1], record], record]) {
    const bytes = pack(value);
    expect(readEntry(sourceOf(bytes), 0, entry)).toBe(false);
  }
});

// Goal: nothing that is valid MessagePack makes the readers throw. Method: random values and random bytes.
test('no value makes a reader throw', () => {
  const anything = fc.oneof(
    fc
      .anything({ maxDepth: 3 })
      .filter((value) => isPackable(value))
      .map((value) => pack(value)),
    fc.uint8Array({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      const end = valueEnd(bytes, 0, bytes.length);
      if (end < 0) return;
      const source = sourceOf(bytes);
      readMessage(source, 0, end);
      readPing(source, 0);
      readEntry(source, 0, newEntry());
    }),
    { numRuns: 2_000 },
  );
});

function isPackable(value: unknown): boolean {
  try {
    pack(value);
    return true;
  } catch {
    return false;
  }
}

test('HELO and PONG read as the protocol has them', () => {
  expect(unpack(writeHelo('nonce', ''))).toEqual(['HELO', { nonce: 'nonce', auth: '', keepalive: true }]);
  const digest = 'd'.repeat(128);
  expect(unpack(writePong({ accepted: true, reason: '', serverName: 'relay', digest }))).toEqual([
    'PONG',
    true,
    '',
    'relay',
    digest,
  ]);
});

test('a PING is read by its bytes, and what is none is not', () => {
  const bytes = pack(['PING', 'host', Buffer.from([0xff]), 'digest', '', '']);

  expect(Buffer.from(readPing(sourceOf(bytes), 0)?.sharedKeySalt ?? [])).toEqual(Buffer.from([0xff]));
  for (const value of [['PONG', '', '', '', '', ''], ['PING', '', '', '', ''], ['PING', 1, '', '', '', ''], {}, null])
    expect(readPing(sourceOf(pack(value)), 0)).toBeUndefined();
});
