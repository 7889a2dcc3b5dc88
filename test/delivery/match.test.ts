import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileMatch, type MatchOptions } from '../../relay/delivery/match.ts';
import { globTest } from '../../relay/record/glob.ts';

test.each([
  { pattern: 'a', text: 'a', matches: true },
  { pattern: 'a', text: 'ab', matches: false },
  { pattern: '', text: '', matches: true },
  { pattern: '*', text: '', matches: true },
  { pattern: 'github.*', text: 'github.runner', matches: true },
  { pattern: 'github.*', text: 'githubXrunner', matches: false },
  { pattern: '*.audit', text: 'harbor.audit', matches: true },
  { pattern: 'a*a', text: 'a', matches: false },
  { pattern: 'a*b*c', text: 'a-b-b-c', matches: true },
  { pattern: 'a*b*c', text: 'a-c-b', matches: false },
  { pattern: 'a**b', text: 'ab', matches: true },
  { pattern: '.', text: 'x', matches: false },
])('the pattern $pattern matches $text: $matches', ({ pattern, text, matches }) => {
  expect(globTest(pattern)(text)).toBe(matches);
});

test('a pattern means the same as the regular expression that it stands for', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  fc.assert(
    fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }), (pattern, text) => {
      const expression = new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`);
      expect(globTest(pattern)(text)).toBe(expression.test(text));
    }),
    { numRuns: 2_000 },
  );
});

test('a pattern of many stars takes no longer than the text is long', () => {
  const test = globTest(`${'*a'.repeat(500)}*b`);
  const start = performance.now();
  expect(test('a'.repeat(100_000))).toBe(false);
  expect(performance.now() - start).toBeLessThan(1_000);
});

const record = JSON.stringify({
  event: { dataset: 'harbor.audit', outcome: 'success' },
  'host.name': 'web-1',
  tags: ['prod', 'eu'],
  log: { level: 'debug', 'file.path': '/var/log/x' },
  count: 7,
  ok: true,
  nothing: null,
});

test.each<{ match: MatchOptions; wanted: boolean }>([
  { match: {}, wanted: true },
  { match: { 'event.dataset': 'harbor.*' }, wanted: true },
  { match: { 'event.dataset': ['github.*', 'harbor.audit'] }, wanted: true },
  { match: { 'event.dataset': 'github.*' }, wanted: false },
  { match: { 'host.name': 'web-*' }, wanted: true },
  { match: { 'log.file.path': '/var/*' }, wanted: true },
  { match: { tags: 'eu' }, wanted: true },
  { match: { tags: 'us' }, wanted: false },
  { match: { count: '7', ok: 'true' }, wanted: true },
  { match: { nothing: '*' }, wanted: false },
  { match: { missing: '*' }, wanted: false },
  { match: { 'event.dataset': 'harbor.audit', tags: 'us' }, wanted: false },
  { match: { not: { 'log.level': 'debug' } }, wanted: false },
  { match: { not: { 'log.level': 'info' } }, wanted: true },
  { match: { not: { missing: '*' } }, wanted: true },
  { match: { not: { 'log.level': 'info', tags: 'prod' } }, wanted: false },
  { match: { constructor: '*' }, wanted: false },
  { match: { '__proto__.x': '*' }, wanted: false },
])('$match wants the record: $wanted', ({ match, wanted }) => {
  expect(compileMatch(match).line(record)).toBe(wanted);
});

test('a line that cannot be looked into is not held back', () => {
  expect(compileMatch({ 'log.level': 'error' }).line('{"log":')).toBe(true);
});

// Goal: what is said of a whole batch is what would be said of each record in it. Method: random datasets and conditions.
test('what is said of a batch from its datasets agrees with what is said of each record', () => {
  const dataset = fc.constantFrom('github.runner', 'github.audit', 'harbor.audit', 'syslog');
  const pattern = fc.constantFrom('github.*', '*.audit', 'syslog', '*', 'none');
  const level = fc.constantFrom('info', 'debug');
  const conditions = fc.record({ 'event.dataset': pattern, 'log.level': level }, { requiredKeys: [] });
  const match = fc.tuple(conditions, fc.option(conditions, { nil: undefined }));
  fc.assert(
    fc.property(match, fc.array(fc.tuple(dataset, level), { minLength: 1 }), ([all, not], records) => {
      const matcher = compileMatch({ ...all, not });
      const datasets: Record<string, number> = {};
      for (const [name] of records) datasets[name] = (datasets[name] ?? 0) + 1;
      const wanted = records.filter(([name, text]) =>
        matcher.line(JSON.stringify({ event: { dataset: name }, log: { level: text } })),
      );
      const verdict = matcher.batch(datasets);

      if (verdict === 'all') expect(wanted).toHaveLength(records.length);
      if (verdict === 'none') expect(wanted).toHaveLength(0);
    }),
    { numRuns: 500 },
  );
});

test('a batch whose datasets are not known is looked into', () => {
  expect(compileMatch({ 'event.dataset': 'syslog' }).batch({})).toBe('some');
});

describe('datasets that the relay keeps to itself', () => {
  const page = 'github.runner.page';
  const line = (dataset: string): string =>
    `{"event":{"id":"${'0'.repeat(24)}","created":"2026-11-22T05:20:10.123Z","dataset":"${dataset}"},"message":"x"}`;

  test.each<{ match: MatchOptions | undefined; wanted: boolean }>([
    { match: undefined, wanted: false },
    { match: { 'event.dataset': 'github.*' }, wanted: false },
    { match: { 'event.dataset': '*' }, wanted: false },
    { match: { 'event.dataset': ['syslog', page] }, wanted: true },
    { match: { not: { 'event.dataset': page } }, wanted: false },
    { match: { not: { 'event.dataset': 'github.runner.job' } }, wanted: false },
  ])('$match takes them: $wanted', ({ match, wanted }) => {
    const matcher = compileMatch(match);

    expect(matcher.batch({ [page]: 3 })).toBe(wanted ? 'all' : 'none');

    expect(matcher.line(line(page))).toBe(wanted);
  });

  test('what the operator lets out is out', () => {
    const matcher = compileMatch(undefined, [page]);

    expect(matcher.batch({ 'github.runner.worker': 1 })).toBe('all');
    expect(matcher.line(line('github.runner.worker'))).toBe(true);
    expect(matcher.line(line('github.runner.pages'))).toBe(true);
  });
});
