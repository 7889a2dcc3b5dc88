import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageNameOf, runnerFileKind } from '../../relay/record/runner-file.ts';
import { SenderRecord } from '../../relay/record/sender-fields.ts';
import { JsonScanner } from '../../relay/record/json-scan.ts';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { SenderBench } from '../support/sender-bench.ts';

const TIMELINE = 'd1013ef1-0d4e-48a2-8a1b-2608cde2958a';
const RECORD = '8ef77051-5961-5bed-3e37-ed9f004d0fa2';

function kindOf(path: string): ReturnType<typeof runnerFileKind> {
  const bytes = Buffer.from(`xx${path}yy`);
  return runnerFileKind(bytes, 2, bytes.length - 2);
}

test.each([
  [`/home/runner/_diag/pages/${TIMELINE}_${RECORD}_1.log`, 'page'],
  [`${TIMELINE.toUpperCase()}_${RECORD}_12.log`, 'page'],
  [`C:\\actions\\_diag\\pages\\${TIMELINE}_${RECORD}_9999.log`, 'page'],
  [`/pages/${TIMELINE}_${RECORD}_10000.log`, undefined],
  ['/home/runner/_diag/Worker_20261122-081459-utc.log', 'worker'],
  ['Worker_.log', 'worker'],
  [`/home/runner/_diag/blocks/${TIMELINE}_${RECORD}.1`, undefined],
  [`/pages/${TIMELINE}_${RECORD}_0.log`, undefined],
  [`/pages/x${TIMELINE}_${RECORD}_1.log`, undefined],
  [`/pages/${TIMELINE}_${RECORD}_1.log.gz`, undefined],
  [`/pages/${TIMELINE}-${RECORD}_1.log`, undefined],
  ['/var/log/syslog.log', undefined],
  ['/home/runner/_diag/Runner_20261122-081459-utc.log', undefined],
  ['/home/Worker_x/a.log', undefined],
  ['.log', undefined],
  ['', undefined],
])('%s is %s', (path, kind) => {
  expect(kindOf(path)).toBe(kind);
  expect(pageNameOf(path) !== undefined).toBe(kind === 'page');
});

test('the parts of a page’s name are had in lower case', () => {
  expect(pageNameOf(`/x/${TIMELINE.toUpperCase()}_${RECORD}_12.log`)).toEqual({
    timeline: TIMELINE,
    record: RECORD,
    number: 12,
  });
});

test('any bytes for a path are taken for a page only where their name is one', () => {
  const part = fc.constantFrom(TIMELINE, RECORD, '_', '1', '.log', '/', '\\', 'Worker_', 'a', '');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
      const path = parts.join('');
      expect(kindOf(path) === 'page').toBe(pageNameOf(path) !== undefined);
    }),
  );
});

describe('a sender’s record', () => {
  const page = { name: 'github.runner.page', stored: false };
  const worker = { name: 'github.runner.worker', stored: false };
  const path = `/d/pages/${TIMELINE}_${RECORD}_1.log`;

  function datasetOf(record: object, runner: { page: typeof page; worker: typeof worker } | undefined): unknown {
    const bench = new SenderBench({ runner });
    const given = new SenderRecord();
    // Twice, since the second one is placed by what was learnt from the first.
    for (let i = 0; i < 2; i++) {
      const source = sourceOf(Buffer.from(JSON.stringify({ time: 1_795_000_000, ...record })));
      given.begin(source, 0, source.bytes.length);
      new JsonScanner(100).object(source, 0, source.bytes.length, given);
      bench.writer.write(given, { format: 'json', tag: 't', peer: undefined });
    }
    const [first, second] = bench.records().map(({ event }) => (event as { dataset: unknown }).dataset);
    expect(second).toBe(first);
    return first;
  }

  test.each([
    [{ file: path, log: 'x' }, page.name],
    [{ file: '/d/Worker_20261122-081459-utc.log', log: 'x' }, worker.name],
    [{ log: { file: { path }, offset: 3 }, message: 'x' }, page.name],
    [{ 'log.file.path': path, message: 'x' }, page.name],
    [{ file: path, log: 'x', event: { dataset: 'mine' } }, page.name],
    [{ file: path }, 'generic'],
    [{ file: 7, log: 'x' }, 'generic'],
    [{ file: '/var/log/a.log', log: 'x' }, 'generic'],
    [{ log: 'x', event: { dataset: 'mine' } }, 'mine'],
    [{ log: 'x', event: { dataset: 'github.runner' } }, 'generic'],
    [{ log: 'x', event: { dataset: 'github.runner.page' } }, 'generic'],
    [{ log: 'x', event: { dataset: 'github.runners' } }, 'github.runners'],
  ])('%j is of %s', (record, dataset) => {
    expect(datasetOf(record, { page, worker })).toBe(dataset);
  });

  test('is nothing special where jobs are not assembled', () => {
    expect(datasetOf({ file: path, log: 'x' }, undefined)).toBe('generic');
    expect(datasetOf({ log: 'x', event: { dataset: 'github.runner' } }, undefined)).toBe('github.runner');
  });
});
