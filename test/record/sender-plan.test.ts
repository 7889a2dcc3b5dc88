import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import { JsonScanner } from '../../relay/record/json-scan.ts';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { SenderRecord } from '../../relay/record/sender-fields.ts';
import { SenderRecordWriter } from '../../relay/record/sender-record.ts';
import { SlabPool } from '../../relay/record/slab.ts';

const origin = { format: 'json', tag: 'tag', peer: undefined } as const;

interface Given {
  readonly members: ReadonlyArray<readonly [string, unknown]>;
  readonly seconds: number;
}

/** The lines of all records, by one writer for all of them or by a new one for each. */
function linesOf(given: readonly Given[], sharesWriter: boolean): string[] {
  const lines: string[] = [];
  const builder = new BatchBuilder({
    pool: new SlabPool({ slabBytes: 1 << 20, idleMax: 2 }),
    idPrefix: eventIdPrefix('testnd', 1),
    firstSeq: 1,
    bytesMax: 512 * 1024,
    nowMs: () => 1_700_000_000_000,
    onSealed: (batch) => {
      lines.push(...batch.slab.bytes.toString('utf8', 0, batch.bytes).split('\n').slice(0, -1));
      batch.slab.release();
    },
  });
  const newWriter = (): SenderRecordWriter =>
    new SenderRecordWriter({
      recorder: builder,
      input: 'test',
      dataset: { name: 'generic', stored: true },
      datasetOf: (name) => ({ name, stored: true }),
      flagged: () => {},
      keepOriginal: false,
      recordBytesMax: 1 << 20,
    });
  const shared = newWriter();
  const record = new SenderRecord();
  for (const { members, seconds } of given) {
    const json = `{${members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
    const source = sourceOf(Buffer.from(json));
    record.begin(source, 0, source.bytes.length);
    if (seconds > 0) record.setTime(seconds, 0, 0);
    new JsonScanner(100).object(source, 0, source.bytes.length, record);
    (sharesWriter ? shared : newWriter()).write(record, origin);
  }
  builder.seal();
  return lines;
}

// Goal: what a writer remembers of one record never shows in the next. Method: random runs of records with few names, so that the same
// ones follow each other often, through one writer and through a fresh writer for each; the lines must be the same.
test('records through one writer give the same lines as records through a writer each', () => {
  const known = [
    'file',
    'path',
    'offset',
    'log',
    'message',
    'msg',
    'host',
    'hostname',
    'time',
    'date',
    '@timestamp',
    'event',
  ];
  const other = ['labels', 'a', 'b', 'a.b', 'log.offset', 'host.name', 'spillway', ''];
  const key = fc.constantFrom(...known, ...other);
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      'text',
      '2026-11-22T05:20:10Z',
      1_795_317_047.25,
      '2026-02-30T00:00:00Z',
      7,
      -7,
      true,
      null,
      '\ud800',
      {},
      { a: 1 },
    ),
    fc.constantFrom<unknown>({ name: 'web-1' }, { offset: 5 }, { file: { path: '/x' } }, { id: 'mine' }, []),
  );
  const shape = fc.record({
    members: fc.array(fc.tuple(key, value), { maxLength: 5 }),
    seconds: fc.constantFrom(0, 5, 1_700_000_000),
  });
  const records = fc
    .array(fc.tuple(shape, fc.integer({ min: 1, max: 3 })), { maxLength: 6 })
    .map((runs) => runs.flatMap(([one, times]) => Array.from({ length: times }, () => one)));
  fc.assert(
    fc.property(records, (given) => {
      expect(linesOf(given, true)).toEqual(linesOf(given, false));
    }),
    { numRuns: 3_000 },
  );
});

// The same names with other values: the second and third record are placed as the first was.
test('the values of a record are never those of the one before', () => {
  const given = [1, 2, 3].map((n) => ({
    members: [
      ['file', `/log/${n}`],
      ['offset', n],
      ['log', `line ${n}`],
      ['extra', n * 10],
    ] as const,
    seconds: 1_700_000_000 + n,
  }));

  const records = linesOf(given, true).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records).toMatchObject(
    [1, 2, 3].map((n) => ({
      '@timestamp': `2023-11-14T22:13:2${n}.000Z`,
      message: `line ${n}`,
      log: { file: { path: `/log/${n}` }, offset: n },
      extra: n * 10,
    })),
  );
});
