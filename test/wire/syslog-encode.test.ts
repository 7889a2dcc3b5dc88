import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeSyslog,
  escapeControls,
  frameSyslog,
  MESSAGE_BYTES_MIN,
  type SyslogEncoderOptions,
} from '../../relay/wire/syslog-encode.ts';
import { line } from '../support/output-fixture.ts';
import { read5424, readLines, readOctetCounted, unescapeControls, type ReadMessage } from '../support/syslog-reader.ts';

const DEFAULTS: SyslogEncoderOptions = {
  format: 'rfc5424',
  body: 'message',
  enterpriseId: '32473',
  escapes: false,
  messageBytesMax: 1_048_576,
};

function encode(record: Record<string, unknown>, options: Partial<SyslogEncoderOptions> = {}): Buffer {
  return encodeSyslog(line(record).trimEnd(), { ...DEFAULTS, ...options }).bytes;
}

const read = (record: Record<string, unknown>, options?: Partial<SyslogEncoderOptions>): ReadMessage =>
  read5424(encode(record, options));

const own = (message: ReadMessage): Record<string, string> =>
  Object.fromEntries(message.structuredData.find(({ id }) => id === 'spillway@32473')?.parameters ?? []);

test('a record that came as RFC 5424 leaves as it came, with its id', () => {
  const message = read({
    '@timestamp': '2026-11-22T05:20:10.123456+02:00',
    message: 'an "event" [1]',
    log: {
      syslog: {
        priority: 165,
        hostname: 'web-1.example',
        appname: 'evntslog',
        procid: '8710',
        msgid: 'ID47',
        structured_data: { 'exampleSDID@32473': { iut: '3', path: 'C:\\x "y" ]' } },
      },
    },
  });

  expect(message).toMatchObject({
    priority: 165,
    time: '2026-11-22T05:20:10.123456+02:00',
    hostname: 'web-1.example',
    appname: 'evntslog',
    procid: '8710',
    msgid: 'ID47',
    text: 'an "event" [1]',
  });
  expect(own(message)).toEqual({ id: expect.stringMatching(/^k3f9x2-/) as string, dataset: 'syslog' });
  expect(message.structuredData[1]).toEqual({
    id: 'exampleSDID@32473',
    parameters: [
      ['iut', '3'],
      ['path', 'C:\\x "y" ]'],
    ],
  });
});

test('what a record does not have is "-", and its application is its dataset', () => {
  expect(read({ event: { dataset: 'github.runner' } })).toMatchObject({
    priority: 13,
    hostname: '-',
    appname: 'github.runner',
    procid: '-',
    msgid: '-',
  });
});

test('facility and severity make a priority, and what is out of range makes none', () => {
  const priority = (syslog: object): number => read({ log: { syslog } }).priority;

  expect(priority({ facility: { code: 16 }, severity: { code: 3 } })).toBe(131);
  expect(priority({ priority: 192 })).toBe(13);
  expect(priority({ priority: -1 })).toBe(13);
  expect(priority({ priority: '30' })).toBe(13);
  expect(priority({ facility: { code: 24 }, severity: { code: 3 } })).toBe(13);
});

test.each([
  ['2026-11-22T05:20:10.123456789Z', '2026-11-22T05:20:10.123456Z'],
  ['2026-11-22T05:20:10Z', '2026-11-22T05:20:10Z'],
  ['2026-13-22T05:20:10Z', '2026-11-22T05:20:10.123Z'],
  ['2026-11-22T05:20:60Z', '2026-11-22T05:20:10.123Z'],
  ['yesterday', '2026-11-22T05:20:10.123Z'],
])('the time %s is sent as %s', (given, sent) => {
  expect(read({ '@timestamp': given }).time).toBe(sent);
});

test('RFC 3164 has its own header, in UTC', () => {
  const record = {
    '@timestamp': '2026-11-02T05:20:10.123+02:00',
    message: 'accepted',
    log: { syslog: { priority: 30, hostname: 'web 1', appname: 'ss hd', procid: '47]11' } },
  };

  const bytes = encode(record, { format: 'rfc3164' });

  expect(bytes.toString()).toBe('<30>Nov  2 03:20:10 web_1 ss_hd[47_11]: accepted');
});

test('the whole record as JSON can be parsed, whatever is in it', () => {
  const text = line({ message: 'a\n\\"b\u2028c', labels: { path: 'C:\\n' } }).trimEnd();

  for (const escapes of [false, true]) {
    const { bytes } = encodeSyslog(text.replace('\\u2028', '\u2028'), { ...DEFAULTS, body: 'json', escapes });
    expect(JSON.parse(read5424(bytes).text)).toEqual(JSON.parse(text));
    expect(bytes.includes('\u2028')).toBe(false);
  }
});

test('a message that is too long is cut between characters, and says so twice', () => {
  const record = { message: '€'.repeat(5_000) };

  const { bytes, isCut } = encodeSyslog(line(record).trimEnd(), { ...DEFAULTS, messageBytesMax: 2_048 });
  const message = read5424(bytes);

  expect(isCut).toBe(true);
  expect(bytes.length).toBeGreaterThan(2_040);
  expect(bytes.length).toBeLessThanOrEqual(2_048);
  expect(Number(own(message)['cut'])).toBeGreaterThan(15_000);
  expect(message.text).toMatch(/^€+ \[cut, 15\d\d\d bytes\]$/);
});

test('structured data that takes most of a message goes before the text does', () => {
  const structured_data = { a: { b: 'x'.repeat(3_000) } };

  const message = read({ message: 'kept', log: { syslog: { structured_data } } }, { messageBytesMax: 2_048 });

  expect(message.text).toBe('kept');
  expect(message.structuredData).toHaveLength(1);
  expect(own(message)).toHaveProperty('cut');
});

test('structured data that bears our own name, or twice the same, gets another', () => {
  const structured_data = { 'spillway@32473': { id: 'forged' }, 'a b': { x: '1' }, a_b: { x: ['2', '3'] } };

  const message = read({ log: { syslog: { structured_data } } });

  expect(own(message)['id']).toMatch(/^k3f9x2-/);
  expect(message.structuredData.slice(1)).toEqual([
    { id: 'spillway@32473.2', parameters: [['id', 'forged']] },
    { id: 'a_b', parameters: [['x', '1']] },
    {
      id: 'a_b.2',
      parameters: [
        ['x', '2'],
        ['x', '3'],
      ],
    },
  ]);
});

test('a message that fits exactly is not cut', () => {
  const text = line({ message: 'x'.repeat(3_000) }).trimEnd();
  const { length } = encodeSyslog(text, DEFAULTS).bytes;

  expect(encodeSyslog(text, { ...DEFAULTS, messageBytesMax: length }).isCut).toBe(false);
  expect(encodeSyslog(text, { ...DEFAULTS, messageBytesMax: length - 1 }).isCut).toBe(true);
});

test('escapes can be taken back, for every text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('\\', '\n', '\r', '\0', 'n', 'u', '0', '\u2028', '\u001b', '000a', '\t'))
      .map((a) => a.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      const escaped = escapeControls(given);

      expect(unescapeControls(escaped)).toBe(given);
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      expect(escaped).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/);
    }),
    { numRuns: 2_000 },
  );
});

const NASTY = [
  '\n<34>1 - evil - - - - forged',
  '\r\n<34>evil',
  '\0',
  '\u2028<34>1 - - - - - -',
  '] x="',
  '\\',
  '"',
  ' ',
  '[',
  '20 <34>1',
  '\u001b[2J',
  '=',
  'é',
  '\ud800',
];

// Goal: no record makes a receiver see a second message, or something in another field than it stood in. Method: hostile text in every
// field; the stream is read back by a strict reader (and, for lines, a sloppy splitter), and compared with what went in.
test.each([
  { framing: 'octet_counting', escapes: false },
  { framing: 'octet_counting', escapes: true },
  { framing: 'lf', escapes: true },
] as const)(
  'whatever a record holds, it is exactly one message with $framing, escapes $escapes',
  ({ framing, escapes }) => {
    const text = fc.oneof(
      fc
        .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ maxLength: 5 })), { maxLength: 5 })
        .map((a) => a.join('')),
      fc.string({ unit: 'binary', maxLength: 400 }),
    );
    const record = fc.record({
      '@timestamp': text,
      message: text,
      host: fc.record({ name: text }),
      process: fc.record({ name: text }),
      event: fc.record({ dataset: text }),
      log: fc.record({
        syslog: fc.record(
          {
            hostname: text,
            appname: text,
            procid: text,
            msgid: text,
            structured_data: fc.dictionary(text, fc.dictionary(text, fc.oneof(text, fc.array(text)))),
          },
          { requiredKeys: [] },
        ),
      }),
    });
    fc.assert(
      fc.property(
        record,
        fc.constantFrom('message', 'json'),
        fc.constantFrom(MESSAGE_BYTES_MIN, 1_048_576),
        (given, body, messageBytesMax) => {
          const text = line(given).trimEnd();
          const { bytes, isCut } = encodeSyslog(text, { ...DEFAULTS, escapes, body, messageBytesMax });
          const marker = encode({ message: 'marker' });
          const stream = Buffer.concat([frameSyslog(bytes, framing), frameSyslog(marker, framing)]);

          const frames = framing === 'lf' ? readLines(stream) : readOctetCounted(stream);

          expect(bytes.length).toBeLessThanOrEqual(messageBytesMax);
          expect(frames).toHaveLength(2);
          const [message, after] = frames.map(read5424);
          expect(after?.text).toBe('marker');
          expect(own(message!)['id']).toMatch(/^k3f9x2-/);
          if (isCut) return;
          if (body === 'json') expect(JSON.parse(message!.text)).toEqual(JSON.parse(text));
          else if (given.message !== '')
            expect(escapes ? unescapeControls(message!.text) : message!.text).toBe(
              Buffer.from(given.message).toString(),
            );
        },
      ),
      { numRuns: 400 },
    );
  },
);

test('whatever a record holds, it is one line with RFC 3164 as well', () => {
  fc.assert(
    fc.property(fc.constantFrom(...NASTY), fc.constantFrom(...NASTY), (a, b) => {
      const record = { message: a + b, log: { syslog: { hostname: a, appname: b, procid: a } } };
      const stream = frameSyslog(encode(record, { format: 'rfc3164', escapes: true }), 'lf');

      const frames = readLines(stream);

      expect(frames).toHaveLength(1);
      const match = /^<13>Nov 22 05:20:10 [\x21-\x7e]+ [\w./-]+\[[\w.-]+\]: (.*)$/s.exec(frames[0]!.toString());
      expect(unescapeControls(match?.[1] ?? '')).toBe(Buffer.from(a + b).toString());
    }),
  );
});

test('a line that is no JSON object is refused', () => {
  expect(() => encodeSyslog('{"broken', DEFAULTS)).toThrow(SyntaxError);
  expect(() => encodeSyslog('[]', DEFAULTS)).toThrow(TypeError);
});
