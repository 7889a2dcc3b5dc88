import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { SYSLOG_FORMATS, SyslogHeader } from '../../relay/wire/syslog-header.ts';
import { parseSyslog } from '../../relay/wire/syslog-line.ts';

interface Vector {
  readonly format: string;
  readonly case: string;
  readonly line: string;
}

const vectors = readFileSync('test/vectors/syslog/lines.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector);

function parse(line: string | Buffer): Record<string, unknown> {
  const bytes = Buffer.from(line);
  const header = new SyslogHeader();
  parseSyslog(sourceOf(bytes), 0, bytes.length, header);
  const text = (start: number, end: number): string | undefined =>
    end > start ? bytes.toString('utf8', start, end) : undefined;
  return {
    format: SYSLOG_FORMATS[header.format],
    priority: header.priority,
    host: text(header.hostStart, header.hostEnd),
    app: text(header.appStart, header.appEnd),
    process: text(header.processStart, header.processEnd),
    messageId: text(header.messageIdStart, header.messageIdEnd),
    message: bytes.toString('utf8', header.messageStart),
    canonical: header.canonical,
  };
}

test.each(vectors)('$case is $format', ({ line, format }) => {
  expect(parse(line)['format']).toBe(format);
});

describe('the parts of a line', () => {
  test.each([
    ['<13>Nov 22 03:04:05 web-1 cron[77]: a b', { host: 'web-1', app: 'cron', process: '77', message: 'a b' }],
    ['<13>Nov 22 03:04:05 cron[77]: a b', { host: undefined, app: 'cron', process: '77', message: 'a b' }],
    ['<13>Nov 22 03:04:05 web-1 cron: a b', { host: 'web-1', app: 'cron', process: undefined, message: 'a b' }],
    ['<13>Nov 22 03:04:05 web-1 http://x/ is up', { host: 'web-1', app: undefined, message: 'http://x/ is up' }],
    ['<13>Nov 22 03:04:05 ##[group]Run x', { host: undefined, message: '##[group]Run x' }],
    ['<13>Nov 22 03:04:05 fe80::1 app: x', { host: 'fe80::1', app: 'app', message: 'x' }],
    ['<13>no header at all', { host: undefined, app: undefined, message: 'no header at all' }],
    [
      '<189>7: r-1: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: x',
      { host: 'r-1', messageId: 'SYS-5-CONFIG_I', message: 'x' },
    ],
    [
      '<34>1 2003-10-11T22:14:15Z h a p m [x@1 y="z"] text',
      { host: 'h', app: 'a', process: 'p', messageId: 'm', message: 'text' },
    ],
    ['<34>12 - - - - - - x', { format: 'rfc5424', host: undefined, app: undefined, message: 'x' }],
  ])('%s', (line, expected) => {
    expect(parse(line)).toMatchObject(expected);
  });
});

describe('what is not understood stays whole', () => {
  test.each([
    'GET / HTTP/1.1',
    '2026-08-20T10:00:00Z only a time and text',
    'Nov 22 03:04:05 only a time and text',
    '<34>1 2003-10-11T22:14:15Z host app',
    '<34>1 2003-10-11T22:14:15Z host app one 42 ID47 [x@1 y="z"] spaces in the header',
    '<34>1 2003-10-11T22:14:15Z host app - ID47 [x@1 y="z" never closed',
    '<34>1 2003-10-11T22:14:15Z host app - ID47 [x@1 y=z] -',
    '<34>1 2003-10-11T22:14:15Z host app - ID47 -text',
  ])('%s', (line) => {
    expect(parse(line)).toMatchObject({ format: 'text', message: line, host: undefined, canonical: false });
  });

  test.each([
    '<192>x',
    '<999>x',
    '<2147483648>x',
    '<-1>x',
    '<>x',
    '<0191>x',
    '<007>x',
    '<00>x',
    `<${'9'.repeat(20)}>x`,
  ])('the priority of %s is none, and indexes nothing', (line) => {
    const bytes = Buffer.from(line);
    const header = new SyslogHeader();
    parseSyslog(sourceOf(bytes), 0, bytes.length, header);

    expect(header).toMatchObject({ priority: -1, priorityInvalid: true, unparsed: true, messageStart: 0 });
  });

  test.each([0, 9, 10, 99, 100, 191])('<%i> is a priority', (priority) => {
    expect(parse(`<${priority}>app: x`)).toMatchObject({ priority, app: 'app' });
  });
});

// Goal: no input, however cut, makes the parser read on past its end or loop. Method: each beginning of each vector, with bytes behind it
// that would change the outcome if they were read.
test('each beginning of each line is parsed, at once and without a look behind its end', () => {
  const header = new SyslogHeader();
  const startedMs = performance.now();
  for (const { line } of vectors) {
    const bytes = Buffer.from(line);
    for (let length = 0; length <= bytes.length; length++) {
      const alone = Buffer.alloc(length + 16, ' ');
      bytes.copy(alone, 0, 0, length);
      parseSyslog(sourceOf(bytes), 0, length, header);
      const before = Object.entries(header);
      parseSyslog(sourceOf(alone), 0, length, header);

      expect(Object.entries(header)).toEqual(before);
    }
  }
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test.each([
  ['brackets', `<13>1 - - - - - ${'['.repeat(1 << 20)}`],
  ['elements', `<13>1 - - - - - ${'[a]'.repeat(350_000)}`],
  ['parameters', `<13>1 - - - - - [a${' b=""'.repeat(200_000)}]`],
  ['backslashes', `<13>1 - - - - - [a b="${'\\'.repeat(1 << 20)}"]`],
  ['digits', '9'.repeat(1 << 20)],
  ['one word', `<13>Nov 22 03:04:05 ${'x'.repeat(1 << 20)}`],
  ['spaces', `<13>1 ${' '.repeat(1 << 20)}`],
  ['colons', `<13>${'a:'.repeat(1 << 19)}`],
])('a megabyte of %s takes linear time', (_name, line) => {
  const bytes = Buffer.from(line);
  const header = new SyslogHeader();
  const startedMs = performance.now();
  parseSyslog(sourceOf(bytes), 0, bytes.length, header);

  expect(performance.now() - startedMs).toBeLessThan(2_000);
});
