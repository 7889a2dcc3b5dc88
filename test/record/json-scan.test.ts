import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonScanner } from '../../relay/record/json-scan.ts';
import { unescapeJsonString, writeJsonValue } from '../../relay/record/json-text.ts';
import { LineWriter, sourceOf } from '../../relay/record/line-writer.ts';

const scanner = new JsonScanner(100);

/** True where the text is exactly one JSON value with white space around it. */
function isJson(text: string): boolean {
  const source = sourceOf(Buffer.from(text));
  const end = source.bytes.length;
  const at = scanner.value(source, scanner.space(source.bytes, 0, end), end);
  return at >= 0 && scanner.space(source.bytes, at, end) === end;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON text as the relay writes it. */
function rewritten(text: string): string {
  const source = sourceOf(Buffer.from(text));
  const end = scanner.value(source, 0, source.bytes.length);
  const writer = new LineWriter(Buffer.alloc(16 + 6 * source.bytes.length));
  writeJsonValue(writer, source, 0, end, scanner.traits, 'plain');
  return Buffer.from(writer.bytes.subarray(0, writer.position)).toString('utf8');
}

// Goal: the scanner takes what JSON.parse takes and nothing else. Method: random JSON, damaged at random places, is given to both.
test('it takes what JSON.parse takes, and nothing else', () => {
  const damaged = fc
    .tuple(
      fc.json({ stringUnit: 'binary' }),
      fc.nat(),
      fc.constantFrom('', '"', '\\', ',', '}', ']', '0', '-', 'e', '.', '\n', '\0', '\\u12', ':'),
    )
    .map(([json, seed, odd]) => {
      const at = seed % (json.length + 1);
      return json.slice(0, at) + odd + json.slice(at + (seed % 3));
    });
  fc.assert(
    fc.property(fc.oneof(fc.json(), damaged), (text) => {
      fc.pre(text.isWellFormed());
      expect(isJson(text)).toBe(parses(text));
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  '01',
  '-',
  '1.',
  '.5',
  '1e',
  '+1',
  'tru',
  'True',
  'nul',
  '"\\x"',
  '"\\u12G4"',
  '[1,]',
  '{"a"}',
  '{a:1}',
  "'a'",
  '[1 2]',
  '{"a":1,}',
  '"\t"',
  'NaN',
])('%s is no JSON', (text) => {
  expect(isJson(text)).toBe(false);
});

test.each([
  ['{"a":', 'unfinished'],
  ['{"a', 'unfinished'],
  ['[1,', 'unfinished'],
  ['"\\u00', 'unfinished'],
  ['tr', 'unfinished'],
  ['-', 'unfinished'],
  ['{"a":}', 'malformed'],
  ['["\u0001', 'malformed'],
  ['['.repeat(101), 'too_deep'],
])('%s is %s', (text, failure) => {
  const source = sourceOf(Buffer.from(text));

  expect(scanner.value(source, 0, source.bytes.length)).toBe(-1);
  expect(scanner.failure).toBe(failure);
});

test('one hundred levels are not too deep', () => {
  expect(isJson('['.repeat(100) + ']'.repeat(100))).toBe(true);
});

// A cut anywhere must be found for what it is: more may come.
test('every beginning of a JSON object is unfinished', () => {
  fc.assert(
    fc.property(fc.object({ stringUnit: 'binary' }), fc.nat(), (value, seed) => {
      const json = Buffer.from(JSON.stringify({ value }));
      const cut = sourceOf(json.subarray(0, 1 + (seed % (json.length - 1))));

      expect(scanner.value(cut, 0, cut.bytes.length)).toBe(-1);
      expect(scanner.failure).toBe('unfinished');
    }),
  );
});

describe('what is written again', () => {
  test('means the same, on one line', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
        const text = rewritten(JSON.stringify(value, undefined, indent));

        expect(text).not.toMatch(/[\n\r\u0085\u2028\u2029]/);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['"\\u0061\\/\\u00e9\\ud83d\\ude80"', '"a/é🚀"'],
    ['"\\u0022\\u005c\\u0007\\n"', '"\\"\\\\\\u0007\\n"'],
    ['"\\u2028\\u0085"', '"\\u2028\\u0085"'],
    ['"\\ud800x\\udc00"', '"\ufffdx\ufffd"'],
    ['"\\ud800\\ud83d\\ude80"', '"\ufffd🚀"'],
    ['{ "a" : [ 1.10 , 1e400 ] }\n', '{ "a" : [ 1.10 , 1e400 ] }'],
    ['{\n"a" : [ 1.10 ,\t-0 ] }', '{"a":[1.10,-0]}'],
  ])('of %s is %s', (text, expected) => {
    expect(rewritten(text)).toBe(expected);
  });
});

test('the bytes of a string are those that JSON.parse gives', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      fc.pre(text.isWellFormed());
      const ascii = JSON.stringify(text).replace(
        /[^\0-\x7f]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
      const source = sourceOf(Buffer.from(ascii));
      const out = Buffer.alloc(source.bytes.length);
      const length = unescapeJsonString(source, 1, source.bytes.length - 1, out, 0, 'plain');

      expect(out.toString('utf8', 0, length)).toBe(text);
    }),
  );
});
