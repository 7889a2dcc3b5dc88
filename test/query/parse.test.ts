import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RelayError } from '../../relay/errors.ts';
import { QueryMistake } from '../../relay/query/mistake.ts';
import { parseQuery } from '../../relay/query/parse.ts';

const NOW_MS = Date.parse('2026-11-22T12:00:00Z');
const parse = (query: string) => parseQuery(query, NOW_MS);
const text = (...parts: string[]) => ({ kind: 'text', pattern: { parts } });
const field = (name: string, ...parts: string[]) => ({ kind: 'field', fields: [name], pattern: { parts } });

test.each([
  ['', { kind: 'everything' }],
  ['  ', { kind: 'everything' }],
  ['*', { kind: 'everything' }],
  ['refused', text('refused')],
  ['conn*refused', text('conn', 'refused')],
  ['"connection refused"', text('connection refused')],
  ['"a \\"quoted\\" \\\\ and \\n"', text('a "quoted" \\ and \\n')],
  ['"not a * star"', text('not a * star')],
  ['user.name:jane*', field('user.name', 'jane', '')],
  ['user.name:"jane*"', field('user.name', 'jane*')],
  ['user:jane', field('user.name', 'jane')],
  ['user.name:*', field('user.name', '', '')],
  ['message:"no such file"', field('message', 'no such file')],
  ['12:30:05', text('12:30:05')],
  ['https://git.corp/a', text('https://git.corp/a')],
  ['error: disk', { kind: 'and', parts: [text('error:'), text('disk')] }],
  ['sha256:4711', { kind: 'or', parts: [field('sha256', '4711'), text('sha256:4711')] }],
  ['a b', { kind: 'and', parts: [text('a'), text('b')] }],
  ['a AND b', { kind: 'and', parts: [text('a'), text('b')] }],
  ['a and b', { kind: 'and', parts: [text('a'), text('and'), text('b')] }],
  ['a b OR c', { kind: 'or', parts: [{ kind: 'and', parts: [text('a'), text('b')] }, text('c')] }],
  ['a (b OR c)', { kind: 'and', parts: [text('a'), { kind: 'or', parts: [text('b'), text('c')] }] }],
  ['-a', { kind: 'not', part: text('a') }],
  ['NOT (a b)', { kind: 'not', part: { kind: 'and', parts: [text('a'), text('b')] } }],
  ['a-b', text('a-b')],
  ['a - b', { kind: 'and', parts: [text('a'), text('-'), text('b')] }],
  [
    'event.action:(push OR "pull*" OR a:b)',
    {
      kind: 'or',
      parts: [field('event.action', 'push'), field('event.action', 'pull*'), field('event.action', 'a:b')],
    },
  ],
  [
    'log.offset:>=5',
    { kind: 'range', fields: ['log.offset'], of: 'number', from: { value: 5, inclusive: true }, to: undefined },
  ],
  [
    'log.offset:<-1.5e3',
    { kind: 'range', fields: ['log.offset'], of: 'number', from: undefined, to: { value: -1500, inclusive: false } },
  ],
  [
    's:400..499',
    {
      kind: 'range',
      fields: ['s'],
      of: 'number',
      from: { value: 400, inclusive: true },
      to: { value: 499, inclusive: true },
    },
  ],
  [
    'time:>2h',
    {
      kind: 'range',
      fields: ['@timestamp'],
      of: 'time',
      from: { value: NOW_MS - 7_200_000, inclusive: false },
      to: undefined,
    },
  ],
  [
    'received:2026-11-22..2026-11-22T05:30Z',
    {
      kind: 'range',
      fields: ['event.created'],
      of: 'time',
      from: { value: Date.parse('2026-11-22'), inclusive: true },
      to: { value: Date.parse('2026-11-22T05:30Z'), inclusive: true },
    },
  ],
])('%j is understood', (query, node) => {
  expect(parse(query)).toEqual(node);
});

test.each([
  ['a "b c', 2, 'no end to the quote'],
  ['a (b OR c', 2, 'not closed'],
  ['a b)', 3, 'closes nothing'],
  ['a OR', 4, 'missing'],
  ['OR a', 0, 'between two terms'],
  ['a OR OR b', 5, 'between two terms'],
  ['()', 1, 'missing'],
  ['NOT', 3, 'missing'],
  ['user.name:', 10, 'a value is missing'],
  ['user.name: jane', 10, 'a value is missing'],
  ['user.name:()', 11, 'stand here'],
  ['user.name:(a b)', 13, 'OR stands between'],
  ['user.name:(a OR b', 10, 'not closed'],
  ['user.name:(-a)', 11, 'stand here'],
  ['log.offset:>x', 0, 'a number stands here'],
  ['time:>2026-13-45', 0, 'or a time'],
  ['time:5..2026-11-22', 0, 'both ends'],
  [`${'('.repeat(17)}a${')'.repeat(17)}`, 16, 'deep'],
  ['-'.repeat(20) + 'a', 16, 'deep'],
  ['a*b*c*d*e*f*g*h*i*j', 0, 'stars'],
])('%j is refused, with the place and what would be right', (query, at, what) => {
  expect.assertions(4);
  try {
    parse(query);
  } catch (error) {
    expect(error).toBeInstanceOf(QueryMistake);
    expect(error).toMatchObject({ code: 'QUERY_INVALID', at });
    expect((error as Error).message).toContain(what);
    expect((error as Error).message).toContain(`at character ${at + 1}`);
  }
});

test('a query of ten thousand alternations is refused before anything is done with it', () => {
  const alternations = Array.from({ length: 10_000 }, (_, i) => `w${i}`).join(' OR ');
  expect(() => parse(alternations)).toThrow('4096 characters at most');
  expect(() => parse(Array.from({ length: 65 }, (_, i) => `w${i}`).join(' OR '))).toThrow('64 terms at most');
  expect(() => parse(`user.name:(${Array.from({ length: 65 }, (_, i) => `w${i}`).join(' OR ')})`)).toThrow('64 terms');
  expect(parse(Array.from({ length: 64 }, (_, i) => `w${i}`).join(' OR '))).toMatchObject({ kind: 'or' });
});

test('whatever is written is understood or refused, never worse', () => {
  const piece = fc.constantFrom(
    'a',
    '"',
    '\\',
    '(',
    ')',
    '-',
    ' ',
    ':',
    '*',
    'OR',
    'NOT',
    'x.y:',
    '>',
    '..',
    '5',
    'é',
    '😀',
    '\n',
    '\0',
    '__proto__:',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        expect(parse(pieces.join(''))).toHaveProperty('kind');
      } catch (error) {
        if (!(error instanceof RelayError)) throw error;
        expect(error.code).toBe('QUERY_INVALID');
      }
    }),
    { numRuns: 2_000 },
  );
});
