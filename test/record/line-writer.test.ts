import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineWriter, sourceOf } from '../../relay/record/line-writer.ts';

function write(bytes: Uint8Array): { json: string; lossy: boolean } {
  const out = Buffer.alloc(bytes.length * 6 + 16);
  const writer = new LineWriter(out);
  writer.text(sourceOf(bytes), 0, bytes.length);
  return { json: out.toString('utf8', 0, writer.position), lossy: writer.lossy };
}

// Goal: the text writer escapes what JSON must have escaped, for every input. Method: whatever bytes go in, JSON.parse and the
// platform's own UTF-8 decoder must agree on what came out.
test('whatever bytes go in, JSON.parse gives what the WHATWG decoder gives', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 40 }).map((s) => new Uint8Array(Buffer.from(s))),
    fc
      .array(
        fc.constantFrom(0x22, 0x5c, 0x0a, 0x1f, 0x20, 0x41, 0x7f, 0x80, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff),
        { maxLength: 40 },
      )
      .map((a) => new Uint8Array(a)),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      const { json, lossy } = write(input);

      const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(input);
      expect(JSON.parse(`"${json}"`)).toBe(decoded);
      expect(lossy).toBe(!Buffer.from(decoded).equals(Buffer.from(input)));
    }),
    { numRuns: 3_000 },
  );
});

test('line ends that are not LF are escaped, so that no reader of lines splits a record', () => {
  const { json } = write(Buffer.from('a\u2028b\u2029c\u0085d\r\n'));

  expect(json).toBe('a\\u2028b\\u2029c\\u0085d\\r\\n');
});

test('integers of every length are written in full', () => {
  const out = Buffer.alloc(64);
  for (const value of [0, 9, 10, 99, 100, 65_535, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
    const writer = new LineWriter(out);
    writer.integer(value);
    expect(out.toString('latin1', 0, writer.position)).toBe(String(value));
  }
});
