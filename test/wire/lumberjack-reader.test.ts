import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RelayError } from '../../relay/errors.ts';
import { defaultLumberjackLimits, LumberjackWindowReader } from '../../relay/wire/lumberjack-reader.ts';
import { compressedWindowHeader, encodeWindow, SHORT_FRAME_BYTES } from '../../relay/wire/lumberjack.ts';

function window(lines: readonly string[], compressed: boolean): Buffer {
  const plain = encodeWindow(Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length);
  if (!compressed) return plain;
  const frames = deflateSync(plain.subarray(SHORT_FRAME_BYTES));
  return Buffer.concat([compressedWindowHeader(lines.length, frames.length), frames]);
}

// Goal: what the sender encodes is what the receiver reads. Method: random windows, plain and compressed, cut at random places.
test('windows come out as they went in, however the stream is cut', () => {
  const line = fc.json().map((json) => `{"v":${json}}`);
  const one = fc.record({ lines: fc.array(line, { maxLength: 5 }), compressed: fc.boolean() });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 5 }), fc.array(fc.nat(60)), (windows, cuts) => {
      const sent = windows.filter((w) => !w.compressed || w.lines.length > 0);
      const bytes = Buffer.concat(sent.map((w) => window(w.lines, w.compressed)));
      const reader = new LumberjackWindowReader();
      const received = [];
      let at = 0;

      for (const cut of [...cuts, bytes.length]) {
        received.push(...reader.push(bytes.subarray(at, at + cut)));
        at += cut;
      }

      expect(received.map((w) => w.payloads.map(String))).toEqual(sent.map((w) => w.lines));
      expect(received.map((w) => w.highestSeq)).toEqual(sent.map((w) => w.lines.length));
    }),
  );
});

test('garbage is refused with a code, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, likely) => {
      const prefix = likely ? Buffer.from('2W\0\0\0\x022C\0\0\0\x08', 'latin1') : Buffer.alloc(0);
      try {
        new LumberjackWindowReader().push(Buffer.concat([prefix, bytes]));
      } catch (error) {
        expect(error).toBeInstanceOf(RelayError);
      }
    }),
  );
});

describe('refuses', () => {
  const limits = {
    ...defaultLumberjackLimits,
    windowRecordsMax: 3,
    frameBytesMax: 2_000,
    inflatedBytesMax: 5_000,
    windowBytesMax: 3_000,
  };
  const compress = (bytes: Buffer): Buffer => {
    const packed = deflateSync(bytes);
    return Buffer.concat([compressedWindowHeader(1, packed.length), packed]);
  };

  test.each([
    ['another version', Buffer.from('1W\0\0\0\x01', 'latin1'), 'INPUT_UNDECODABLE'],
    ['an unknown frame', Buffer.from('2X\0\0\0\x01', 'latin1'), 'INPUT_UNDECODABLE'],
    ['a record before any window', Buffer.from('2J\0\0\0\x01\0\0\0\x02{}', 'latin1'), 'INPUT_UNDECODABLE'],
    ['a window within a window', Buffer.from('2W\0\0\0\x012W\0\0\0\x01', 'latin1'), 'INPUT_UNDECODABLE'],
    ['a window of too many records', Buffer.from('2W\0\0\0\x04', 'latin1'), 'INPUT_TOO_LARGE'],
    [
      'a length that no memory has',
      Buffer.from('2W\0\0\0\x012J\0\0\0\x01\xff\xff\xff\xff', 'latin1'),
      'INPUT_TOO_LARGE',
    ],
    ['a compressed frame that is not zlib', Buffer.from('2W\0\0\0\x012C\0\0\0\x03abc', 'latin1'), 'INPUT_UNDECODABLE'],
    ['a compressed frame in a compressed frame', compress(compress(Buffer.from('x'))), 'INPUT_UNDECODABLE'],
    ['half a record, compressed', compress(Buffer.from('2J\0\0\0\x01\0\0\0\x09{}', 'latin1')), 'INPUT_UNDECODABLE'],
    ['more records than announced, compressed', compress(window(['{}', '{}'], false).subarray(6)), 'INPUT_UNDECODABLE'],
    ['a bomb', compress(Buffer.alloc(1 << 20)), 'INPUT_TOO_LARGE'],
    ['a window of too many bytes', window(['a'.repeat(1_900), 'b'.repeat(1_900)], false), 'INPUT_TOO_LARGE'],
  ])('%s', (_name, bytes, code) => {
    expect(() => new LumberjackWindowReader(limits).push(bytes)).toThrow(expect.objectContaining({ code }));
  });
});
