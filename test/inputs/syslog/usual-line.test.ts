import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as json from '../../../relay/inputs/syslog/fragments.ts';
import { writeUsualHeader } from '../../../relay/inputs/syslog/usual-line.ts';
import { writeHostAndLog } from '../../../relay/inputs/syslog/write-fields.ts';
import { LineWriter, sourceOf } from '../../../relay/record/line-writer.ts';
import { RFC_5424, SyslogHeader, TIME_ABSOLUTE, parsePriority } from '../../../relay/wire/syslog-header.ts';
import { parseSyslog } from '../../../relay/wire/syslog-line.ts';

interface Written {
  readonly json: string;
  readonly messageStart: number;
  readonly epochMs: number;
  readonly host: string;
  readonly app: string;
}

/** Bytes before and behind the line, as in a chunk: they look as if the line went on. */
const AROUND = Buffer.from(' [a b="c"] d');

/** What the one pass makes of a line; undefined where it leaves it to others. */
function usual(line: Buffer): Written | undefined {
  const source = sourceOf(Buffer.concat([AROUND, line, AROUND]));
  const start = AROUND.length;
  const writer = new LineWriter(Buffer.alloc(16_384));
  const header = new SyslogHeader();
  const at = parsePriority(source.bytes, start, start + line.length, header);
  if (at === start || !writeUsualHeader(writer, source, at, start + line.length, header)) return undefined;
  return { ...read(writer, header, source.bytes), messageStart: header.messageStart - start };
}

/** The same by the parser that knows all lines; undefined where the record would need more than these fields. */
function thorough(line: Buffer): Written | undefined {
  const source = sourceOf(line);
  const writer = new LineWriter(Buffer.alloc(16_384));
  const header = new SyslogHeader();
  parseSyslog(source, 0, line.length, header);
  const isPlain =
    header.canonical &&
    header.format === RFC_5424 &&
    header.version === 1 &&
    header.priority >= 0 &&
    !header.byteOrderMark;
  if (!isPlain || header.time !== TIME_ABSOLUTE || !header.zulu || header.messageStart >= line.length) return undefined;
  writer.raw(json.TIMESTAMP);
  writer.copy(source, header.timeStart, header.timeEnd);
  writeHostAndLog(writer, source, header);
  return writer.lossy ? undefined : { ...read(writer, header, line), messageStart: header.messageStart };
}

function read(writer: LineWriter, header: SyslogHeader, bytes: Uint8Array): Omit<Written, 'messageStart'> {
  const text = (start: number, end: number): string => Buffer.from(bytes.subarray(start, end)).toString('latin1');
  return {
    json: Buffer.from(writer.bytes.subarray(0, writer.position)).toString('latin1'),
    epochMs: header.epochMs,
    host: text(header.hostStart, header.hostEnd),
    app: text(header.appStart, header.appEnd),
  };
}

const USUAL =
  '<165>1 2026-11-22T05:20:10.003Z web-1.example shop 4711 REQ [load@1 seq="07" at="x y"][o a="-"] a message';

test.each([
  USUAL,
  '<0>1 2026-11-22T05:20:10Z h a - - - m',
  '<13>1 2026-11-22T05:20:10.123456789Z h - - - [x] {"k":"v"}',
  '<13>1 2024-02-29T23:59:59Z h a p m [x a=""] m',
  '<13>1 2026-11-22T05:20:10Z h a p m -  ',
])('is written in one pass: %s', (line) => {
  const written = usual(Buffer.from(line));

  expect(written).toEqual(thorough(Buffer.from(line)));
  expect(written?.json).toMatch(/^\},"@timestamp":".*"message":"$/);
});

test.each([
  ['another version', USUAL.replace('>1 ', '>2 ')],
  ['a time with an offset', USUAL.replace('Z', '+01:00')],
  ['a day that does not exist', USUAL.replace('11-22', '02-30')],
  ['no time', USUAL.replace('2026-11-22T05:20:10.003Z', '-')],
  ['no host', USUAL.replace('web-1.example', '-')],
  ['two spaces', USUAL.replace(' shop', '  shop')],
  ['a quote in a field', USUAL.replace('shop', 'sh"op')],
  ['a backslash in a field', USUAL.replace('4711', '47\\1')],
  ['a tab in a field', USUAL.replace('REQ', 'R\tQ')],
  ['UTF-8 in a field', USUAL.replace('shop', 'büro')],
  ['an escape in a value', USUAL.replace('x y', 'x\\"y')],
  ['a bracket in a value', USUAL.replace('x y', 'x]y')],
  ['UTF-8 in a value', USUAL.replace('x y', 'é')],
  ['a name twice', USUAL.replace('at=', 'seq=')],
  ['an id twice', USUAL.replace('[o ', '[load@1 ')],
  ['a name that is a number', USUAL.replace('seq=', '7=')],
  ['two spaces between parameters', USUAL.replace(' at=', '  at=')],
  ['a value without a quote', USUAL.replace('"07"', '07')],
  ['structured data without an end', USUAL.slice(0, USUAL.indexOf(']'))],
  ['nothing behind structured data', USUAL.slice(0, USUAL.lastIndexOf(']') + 1)],
  ['an empty message', USUAL.slice(0, USUAL.lastIndexOf(']') + 2)],
  ['a byte order mark', USUAL.replace('a message', '\uFEFFm')],
  ['nine elements', USUAL.replace('[o a="-"]', Array.from({ length: 8 }, (_, n) => `[e${n}]`).join(''))],
])('is left to others: %s', (_what, line) => {
  expect(usual(Buffer.from(line))).toBeUndefined();
});

test('wherever a line ends, the one pass takes nothing from what stands behind it', () => {
  for (let length = 0; length <= USUAL.length; length++) {
    const line = Buffer.from(USUAL.slice(0, length));
    const written = usual(line);
    if (written !== undefined) expect(written).toEqual(thorough(line));
  }
});

test('whatever stands in a line, the one pass says the same of it as the parser of all lines, or nothing', () => {
  const pieces = [
    '1',
    '2',
    'a',
    'ab',
    '-',
    ' ',
    '  ',
    '"',
    '=',
    '[',
    ']',
    '\\',
    '\n',
    '\x7f',
    'é',
    '\uFEFF',
    '@',
    'Z',
    ':',
    '.',
  ];
  const change = fc.record({
    at: fc.nat(USUAL.length),
    removed: fc.nat(3),
    put: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })),
  });
  let taken = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
      let text = USUAL;
      for (const { at, removed, put } of changes) text = text.slice(0, at) + put + text.slice(at + removed);
      const line = Buffer.from(text);
      const written = usual(line);
      if (written === undefined) return;
      taken++;
      expect(written).toEqual(thorough(line));
    }),
    { numRuns: 3_000 },
  );
  expect(taken).toBeGreaterThan(300);
});
