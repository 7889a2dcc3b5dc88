import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rawLineOf } from '../../support/raw-line.ts';
import { LineRecorder, recordLine } from '../../support/record-lines.ts';

const lines = readFileSync('test/vectors/syslog/lines.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => (JSON.parse(line) as { line: string }).line);

test('an RFC 5424 line becomes ECS fields', () => {
  const { event, ...record } = recordLine(
    '<165>1 2003-10-11T22:14:15.003Z host.example evntslog 42 ID47 [ex@1 iut="3" src="a\\"b\\]c\\\\"][o@1] \uFEFFAn entry',
  );

  expect(event).toEqual({
    id: expect.any(String),
    created: '2026-11-22T05:20:10.123Z',
    dataset: 'syslog',
  });
  expect(record).toEqual({
    '@timestamp': '2003-10-11T22:14:15.003Z',
    host: { name: 'host.example' },
    log: {
      level: 'notice',
      syslog: {
        priority: 165,
        facility: { code: 20, name: 'local4' },
        severity: { code: 5, name: 'notice' },
        version: 1,
        appname: 'evntslog',
        procid: '42',
        msgid: 'ID47',
        structured_data: { 'ex@1': { iut: '3', src: 'a"b]c\\' }, 'o@1': {} },
      },
    },
    message: 'An entry',
    source: { ip: '10.1.2.3' },
    spillway: { input: 'edge', format: 'rfc5424', bom: true },
  });
});

describe('times', () => {
  test.each([
    ['<13>1 2026-11-22T05:20:10Z - - - - -', '2026-11-22T05:20:10Z', undefined],
    ['<13>1 2026-11-22T05:20:10.123456789Z - - - - -', '2026-11-22T05:20:10.123456789Z', undefined],
    ['<13>1 2026-11-22T05:20:10.1200+02:00 - - - - -', '2026-11-22T03:20:10.1200Z', '+02:00'],
    ['<13>1 2026-01-01T00:20:10-00:30 - - - - -', '2026-01-01T00:50:10Z', '-00:30'],
    ['<13>2026-11-22T05:20:10+08:00 h a: b', '2026-11-21T21:20:10Z', '+08:00'],
    ['<13>Nov 22 05:20:10 h a: b', '2026-11-22T05:20:10Z', undefined],
    ['<13>Dec 31 23:59:59 h a: b', '2026-12-31T23:59:59Z'.replace('2026', '2025'), undefined],
    ['<13>Dec 20 00:00:00 h a: b', '2026-12-20T00:00:00Z', undefined],
    ['<13>Nov 22 2024 05:20:10 h a: b', '2024-11-22T05:20:10Z', undefined],
    ['<13>Nov 22 05:20:10.5 h a: b', '2026-11-22T05:20:10.5Z', undefined],
    ['<13>2025-02-03 05:20:10,75 h a: b', '2025-02-03T05:20:10.75Z', undefined],
  ])('%s', (line, timestamp, timezone) => {
    const record = recordLine(line);

    expect(record['@timestamp']).toBe(timestamp);
    expect(record['event'].timezone).toBe(timezone);
    expect(record['spillway'].flags).toBeUndefined();
  });

  test.each([
    '<13>1 2026-02-30T05:20:10Z h a - - - b',
    '<13>1 2026-11-22T24:00:00Z h a - - - b',
    '<13>1 2026-11-22T23:59:60Z h a - - - b',
    '<13>1 0000-01-01T00:00:00+01:00 h a - - - b',
    '<13>2026-13-01T05:20:10Z h a: b',
    '<13>Feb 30 05:20:10 h a: b',
    '<13>Feb 29 05:20:10 h a: b',
    '<13>Nov 22 25:20:10 h a: b',
    '<13>2025-02-29 05:20:10 h a: b',
  ])('the date of %s is not rolled over', (line) => {
    const record = recordLine(line);

    expect(record).toMatchObject({
      '@timestamp': '2026-11-22T05:20:10.123Z',
      event: { original: line },
      host: { name: 'h' },
      message: 'b',
      spillway: { flags: ['time_invalid'] },
    });
  });

  test('a line without a time has that of its arrival, and says so', () => {
    expect(recordLine('<13>app: x')).toMatchObject({
      '@timestamp': '2026-11-22T05:20:10.123Z',
      spillway: { format: 'rfc3164', flags: ['time_missing'] },
    });
  });

  test('times that name no zone are those of the zone configured', () => {
    const record = recordLine('<13>Jul 22 05:20:10 h a: b', { zone: 'Europe/Berlin' });

    expect(record).toMatchObject({ '@timestamp': '2026-07-22T03:20:10Z', event: { timezone: '+02:00' } });
  });
});

describe('the raw line is kept where the fields do not give it back', () => {
  test.each([
    ['<34>1 2003-10-11t22:14:15z h a - - - x'],
    ['<34>1 - - - - - - '],
    ['<34>1 - h a - - [x@1 a="1" a="2"] x'],
    ['<34>1 - h a - - [x@1 a="1"][x@1 a="2"] x'],
    ['<34>1 - h a - - [x@1 2="b" 1="a"] x'],
    ['<34>1 - h a - - [x@1 a="\\n"] x'],
    ['<34>1 - h a - - [x@1  a="1"] x'],
    ['<34>Oct 01 22:14:15 h a: x'],
    ['<34>Oct 11 22:14:15 h a[1] x'],
    ['<192>x'],
    ['no syslog'],
  ])('%s', (line) => {
    expect(recordLine(line)['event'].original).toBe(line);
  });

  test('and always where the operator says so', () => {
    const line = '<34>Oct 11 22:14:15 h a: x';

    expect(recordLine(line)['event'].original).toBeUndefined();
    expect(recordLine(line, { keepOriginal: true })['event'].original).toBe(line);
  });

  test('in base64 where it is not UTF-8', () => {
    const line = Buffer.from('<34>Oct 11 22:14:15 h a: caf\xe9', 'latin1');
    for (const keepOriginal of [false, true]) {
      expect(recordLine(line, { keepOriginal })).toMatchObject({
        message: 'caf\uFFFD',
        spillway: { flags: ['invalid_utf8'], original_base64: line.toString('base64') },
      });
      expect(recordLine(line, { keepOriginal })['event'].original).toBeUndefined();
    }
  });
});

test('names that reach for the prototype are just names', () => {
  const record = recordLine('<34>1 - h a - - [__proto__ polluted="1"][constructor prototype="2"] x');

  expect(Object.keys(record['log'].syslog.structured_data)).toEqual(['__proto__', 'constructor']);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('parts of a message say which they are, and that it was cut', () => {
  const marks = { part: 2, totalBytes: 30, cut: true };

  expect(recordLine('<34>looks like a header', { marks })).toMatchObject({
    message: '<34>looks like a header',
    spillway: { format: 'text', flags: ['split', 'cut'], part: { number: 2, total_bytes: 30 } },
  });
});

const word = fc.string({
  unit: fc.constantFrom('a', 'B', '7', '-', '.', ':', '[', ']', '%', 'é', '"', '\\', '='),
  maxLength: 6,
});
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(' ', 'a', ':', '\uFEFF', '\u2028', '\n', '"', '\\', ']'), maxLength: 12 }),
);
const two = (max: number): fc.Arbitrary<string> => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, '0'));
const isoTime = fc
  .tuple(
    two(99),
    two(13),
    two(32),
    two(24),
    two(60),
    two(60),
    fc.constantFrom('', '.1', '.120', '.123456', '.123456789', '.1234567890'),
    fc.constantFrom('Z', 'z', '+02:00', '-00:00', '-11:45', ''),
    fc.constantFrom('T', 'T', 't', ' '),
  )
  .map(([y, mo, d, h, mi, s, f, z, t]) => `20${y}-${mo}-${d}${t}${h}:${mi}:${s}${f}${z}`);
const bsdTime = fc
  .tuple(
    fc.constantFrom('Jan', 'Feb', 'Oct', 'Dec', 'Foo'),
    fc.constantFrom(' 1', '01', '1', '29', '30', '31'),
    two(24),
    two(60),
    two(60),
    fc.constantFrom('', '', ' 2024'),
    fc.constantFrom('', '', '.5'),
  )
  .map(([mo, d, h, mi, s, y, f]) => `${mo} ${d}${y} ${h}:${mi}:${s}${f}`);
const parameter = fc
  .tuple(fc.constantFrom('a', 'b', '1', '10', '__proto__', 'é'), text)
  .map(([name, value]) => ` ${name}="${value.replace(/["\\\]]/g, '\\$&')}"`);
const data = fc.oneof(
  fc.constant('-'),
  fc
    .array(
      fc
        .tuple(fc.constantFrom('x@1', 'y@1', '2'), fc.array(parameter, { maxLength: 3 }))
        .map(([id, ps]) => `[${id}${ps.join('')}]`),
      { minLength: 1, maxLength: 3 },
    )
    .map((e) => e.join('')),
);
const pri = fc.oneof(
  fc.nat(191).map((n) => `<${n}>`),
  fc.constantFrom('', '<192>', '<007>', '<>'),
);
const nil = fc.oneof(fc.constant('-'), word);
const rfc5424 = fc
  .tuple(
    pri,
    fc.constantFrom('1', '1', '2', '01'),
    fc.oneof(fc.constant('-'), isoTime),
    nil,
    nil,
    nil,
    nil,
    data,
    fc.oneof(
      fc.constant(''),
      text.map((t) => ` ${t}`),
    ),
  )
  .map(([p, v, t, h, a, i, m, d, rest]) => `${p}${v} ${t} ${h} ${a} ${i} ${m} ${d}${rest}`);
const rfc3164 = fc
  .tuple(
    pri,
    fc.constantFrom('', '123: ', '*', ': '),
    fc.oneof(bsdTime, isoTime, fc.constant('')),
    fc.constantFrom('', ':', ' UTC:', ' web-1', ' web-1 ', ' web-1 :'),
    fc.constantFrom('', ' app:', ' app[1]:', ' app[]:', ' app[1]', ' %A-1-B:', ' last message repeated 3 times'),
    fc.oneof(
      fc.constant(''),
      text.map((t) => ` ${t}`),
    ),
  )
  .map((parts) => parts.join(''));
const valid = fc.oneof(rfc5424, rfc3164, fc.constantFrom(...lines)).map((line) => Buffer.from(line));
const mutated = fc
  .tuple(valid, fc.nat(), fc.nat(255), fc.constantFrom('replace', 'insert', 'remove', 'cut'))
  .map(([line, at, byte, how]) => {
    const i = line.length === 0 ? 0 : at % line.length;
    if (how === 'cut') return line.subarray(0, i);
    return Buffer.concat([
      line.subarray(0, i),
      how === 'remove' ? Buffer.alloc(0) : Buffer.from([byte]),
      line.subarray(how === 'insert' ? i : i + 1),
    ]);
  });

// Goal: no byte of any line is lost. Method: lines of all formats, right, wrong and damaged, are recorded, and their bytes put
// together again from the record alone.
test('the record gives back the exact bytes of its line', () => {
  const zone = fc.constantFrom('UTC', 'Europe/Berlin', '-03:30', 'America/New_York');
  fc.assert(
    fc.property(
      fc.oneof(valid, mutated, fc.uint8Array({ maxLength: 40 })),
      zone,
      fc.boolean(),
      (line, zone, keepOriginal) => {
        expect(rawLineOf(recordLine(line, { zone, keepOriginal })).toString('latin1')).toBe(
          Buffer.from(line).toString('latin1'),
        );
      },
    ),
    { numRuns: 4_000 },
  );
});

test('plain lines of each format need no copy of themselves', () => {
  for (const line of [
    '<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - [x@1 a="b\\"c"] text',
    '<34>Oct 11 22:14:15 mymachine su: text',
    '<34>Oct  1 22:14:15 mymachine su[1]: text',
    '<6>2026-11-22T02:41:36+08:00 814da02eb5a8 audit[1]: text',
  ])
    expect(recordLine(line)['event'].original).toBeUndefined();
});

test.each(['<13>2026-11-22T05:20:10Z web-1 nginx[42]:', '<13>1 2026-11-22T05:20:10Z web-1 nginx 42 ID47 -'])(
  'a header without a message, %s, is not taken for the beginning of another one',
  (line) => {
    const recorder = new LineRecorder();
    for (let i = 0; i < 8; i++) recorder.record(line);

    expect(recorder.record(`${line}text`)).toMatchObject({
      ...recordLine(`${line}text`),
      event: { dataset: 'syslog' },
    });
    expect(rawLineOf(recorder.record(`${line}text`)).toString()).toBe(`${line}text`);
  },
);

// Goal: a header that came before is written from memory, and nothing shows it. Method: lines that share their headers and differ in their
// times and texts go through one recorder, several times, and must become what a recorder that has seen no other line makes of them.
test('a line becomes the same record whatever lines came before it', () => {
  const zone = fc.constantFrom('UTC', 'Europe/Berlin');
  const time = fc.constantFrom(
    '2026-11-22T05:20:10Z',
    '2026-11-22T05:20:11.123456Z',
    '2026-02-30T05:20:11Z',
    '2026-11-22T05:20:10+02:00',
  );
  const local = fc.constantFrom(
    'Nov 22 05:20:10',
    'Nov 22 05:20:11',
    'Feb 30 05:20:11',
    'Jul  1 00:00:00',
    'Dec 30 00:00:00',
  );
  const header = fc.constantFrom(
    '1 TIME web-1.example nginx 42 ID47 - ',
    '1 TIME web-1.example nginx 42 ID47 -',
    '1 TIME web-1.example nginx 42 ID47 [a@1 b="c\\"" d="e"] ',
    '1 TIME web-1.example nginx 42 ID47 [a@1 b="c" b="e"] ',
    '2 TIME web-1.example nginx 42 ID47 - ',
    'TIME web-1.example nginx[42]: ',
    'TIME web-1.example nginx[42]:',
    'TIME web-1.example ',
    'TIME nginx[42]: ',
    'LOCAL web-1.example nginx[42]: ',
    'LOCAL web-1.example nginx: ',
    'LOCAL last message ',
    'LOCAL web-1.ex\u00e9mple nginx: ',
  );
  const message = fc.oneof(text, fc.constantFrom('repeated 3 times', '\uFEFFmarked', 'nginx: x', '- x'));
  const line = fc
    .tuple(fc.constantFrom('<13>', '<14>'), header, time, local, message)
    .map(([p, h, t, l, m]) => Buffer.from(`${p}${h.replace('TIME', t).replace('LOCAL', l)}${m}`));
  const damaged = line.map((bytes) => Buffer.concat([bytes, Buffer.from([0xff])]));
  fc.assert(
    fc.property(fc.array(fc.oneof(line, line, damaged), { minLength: 4, maxLength: 30 }), zone, (lines, zone) => {
      const recorder = new LineRecorder({ zone });
      for (const each of [...lines, ...lines, ...lines]) {
        const record = recorder.record(each);
        const alone = recordLine(each, { zone });
        alone['event'].id = record['event'].id;
        expect(record).toEqual(alone);
        expect(Object.keys(record)).toEqual(Object.keys(alone));
        expect(rawLineOf(record).equals(each)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
