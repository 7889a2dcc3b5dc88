import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { JsonRecordReader, writeTextLines, type JsonLayout } from '../../relay/wire/ndjson.ts';
import { SenderBench } from '../support/sender-bench.ts';

const origin = { format: 'json', tag: undefined, peer: undefined } as const;

function read(body: string | Uint8Array, layout: JsonLayout) {
  const bench = new SenderBench();
  const source = sourceOf(Buffer.from(body));
  const count = new JsonRecordReader(bench.writer).write(source, 0, source.bytes.length, layout, 'plain', origin);
  const records = bench.records();
  expect(records).toHaveLength(count);
  return records;
}

const layouts = ['lines', 'stream'] as const;

test.each(layouts)('objects in any arrangement are found again (%s)', (layout) => {
  const separator = fc.constantFrom(
    '\n',
    '\r\n',
    '\n\n',
    ' \n',
    ...(layout === 'stream' ? ['', ' ', '\t'] : ['', ' ']),
  );
  const bodies = fc.array(fc.tuple(fc.string({ unit: 'binary' }), separator), { maxLength: 20 });
  fc.assert(
    fc.property(bodies, (parts) => {
      const texts = parts.map(([text]) => text.toWellFormed());
      const body = parts.map(([text, after]) => JSON.stringify({ message: text.toWellFormed() }) + after).join('');

      expect(read(body, layout).map((record) => record['message'])).toEqual(texts);
    }),
  );
});

test('an array, with its objects over several lines', () => {
  const values = Array.from({ length: 5 }, (_, i) => ({ message: String(i), nested: { a: [i] } }));
  const messages = ['0', '1', '2', '3', '4'];

  expect(read(JSON.stringify(values), 'stream').map((record) => record['message'])).toEqual(messages);
  expect(read(JSON.stringify(values), 'lines').map((record) => record['message'])).toEqual(messages);
  expect(read(JSON.stringify(values, undefined, 2), 'stream').map((record) => record['message'])).toEqual(messages);
});

test('a bad element of an array ends nothing but its line', () => {
  const records = read('[{"message":"a"},\n{"message":},\n{"message":"b"},42,"c",null]', 'stream');

  expect(records.map((record) => record['message'])).toEqual(['a', '{"message":},', 'b', '42', 'c', 'null']);
  expect(records.map((record) => record['spillway'].flags?.includes('unparsed') ?? false)).toEqual([
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
});

// Goal: no bytes are lost and none make it throw. Method: any bytes at all, as one body; each byte that is no white space and no
// punctuation between records must be found in what was kept.
test.each(layouts)('whatever comes, every line is valid JSON and every letter is kept (%s)', (layout) => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"',
        ',',
        ':',
        '\n',
        '\\',
        '{"a":1}',
        '{"message":"x"}',
        'text',
        '\\ud800',
        '\r\n',
      )
      .map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const body = Buffer.concat(pieces);
      const records = read(body, layout);
      const kept = records
        .map(
          (record) =>
            JSON.stringify(record) + Buffer.from(record['spillway'].original_base64 ?? '', 'base64').toString('latin1'),
        )
        .join('\n');

      for (const word of body.toString('latin1').match(/[a-z]{2,}/g) ?? [])
        expect(kept).toContain(word.replace(/^[nrtbfu]/, ''));
    }),
    { numRuns: 1_000 },
  );
});

test('text keeps every byte of its lines', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 10 }), (parts) => {
      const lines = parts.map((part) => Buffer.from(part.map((byte) => (byte === 10 || byte === 13 ? 32 : byte))));
      const bench = new SenderBench();
      const source = sourceOf(Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\r\n')])));
      writeTextLines(bench.writer, source, 0, source.bytes.length, { ...origin, format: 'text' });

      const kept = bench.records().map((record) => {
        const encoded = record['spillway'].original_base64 as string | undefined;
        return encoded === undefined ? Buffer.from(record['message']) : Buffer.from(encoded, 'base64');
      });
      expect(kept).toEqual(lines);
    }),
  );
});
