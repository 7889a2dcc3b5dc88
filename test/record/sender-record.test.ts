import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonScanner } from '../../relay/record/json-scan.ts';
import type { Dialect } from '../../relay/record/json-text.ts';
import { fragment, sourceOf, type Source } from '../../relay/record/line-writer.ts';
import { SenderRecord } from '../../relay/record/sender-fields.ts';
import type { SenderRecordOptions } from '../../relay/record/sender-record.ts';
import type { ParsedRecord } from '../support/input-harness.ts';
import { RECEIVED, SenderBench } from '../support/sender-bench.ts';

const origin = { format: 'json', tag: undefined, peer: undefined } as const;

function scan(text: string | Buffer, dialect: Dialect = 'plain'): SenderRecord {
  const source = sourceOf(Buffer.from(text));
  const record = new SenderRecord();
  record.begin(source, 0, source.bytes.length);
  record.dialect = dialect;
  const end = new JsonScanner(100).object(source, 0, source.bytes.length, record);
  expect(end).toBe(source.bytes.length);
  return record;
}

function lineOf(text: string | Buffer, changes: Partial<SenderRecordOptions> = {}, dialect: Dialect = 'plain') {
  const bench = new SenderBench(changes);
  expect(bench.writer.write(scan(text, dialect), origin)).toBe(1);
  return bench.records()[0]!;
}

test('a Fluent Bit record becomes a line of ECS', () => {
  const line = lineOf('{"date":1795317047.107588,"file":"/a/b.log","offset":50,"log":"hello \\u00e9\\ud83d\\ude80"}');

  expect(line).toEqual({
    event: { id: 'testnd-0000001-000000001', created: RECEIVED, dataset: 'generic' },
    '@timestamp': new Date(1_795_317_047_107).toISOString().replace('107Z', '107588Z'),
    log: { file: { path: '/a/b.log' }, offset: 50 },
    message: 'hello é🚀',
    spillway: { input: 'web', format: 'json' },
  });
});

describe('the time', () => {
  test.each([
    ['{"@timestamp":"2026-11-22T03:11:14.013380Z"}', '2026-11-22T03:11:14.013380Z'],
    ['{"@timestamp":"2026-11-22T03:11:14+02:00"}', '2026-11-22T01:11:14.000Z'],
    ['{"time":"2026-11-22T03:11:14.123456789Z"}', '2026-11-22T03:11:14.123456789Z'],
    ['{"timestamp":1795317071.994}', '2026-11-22T03:11:11.994Z'],
    ['{"date":1795317075997}', '2026-11-22T03:11:15.997Z'],
    ['{"date":1795317075997123}', '2026-11-22T03:11:15.997123Z'],
    ['{"date":1795317075997123456}', '2026-11-22T03:11:15.997123456Z'],
    ['{"date":1795317075997.5}', '2026-11-22T03:11:15.9975Z'],
    ['{"time":"1795317075.25"}', '2026-11-22T03:11:15.250Z'],
    ['{"time":"2026\\u002d11-22T03:11:14Z"}', '2026-11-22T03:11:14.000Z'],
    ['{"time":"soon","date":1795317075}', '2026-11-22T03:11:15.000Z'],
  ])('of %s is %s', (text, expected) => {
    const line = lineOf(text);

    expect(line['@timestamp']).toBe(expected);
    expect(line['spillway'].flags).toBeUndefined();
  });

  test.each([
    ['{"time":"2026-02-30T00:00:00Z"}', 'time', '2026-02-30T00:00:00Z'],
    ['{"time":12}', 'time', 12],
    ['{"date":-5}', 'date', -5],
    ['{"timestamp":1e400}', 'timestamp', Number.POSITIVE_INFINITY],
    ['{"date":99999999999999999999}', 'date', 1e20],
  ])('that is none in %s is kept under its own name', (text, name, value) => {
    const line = lineOf(text);

    expect(line['@timestamp']).toBe(RECEIVED);
    expect(line[name]).toBe(value);
    expect(line['spillway'].flags).toEqual(['time_invalid']);
  });

  test('that is missing is the receive time, flagged', () => {
    expect(lineOf('{"message":"x"}')).toMatchObject({ '@timestamp': RECEIVED, spillway: { flags: ['time_missing'] } });
  });

  test('of the protocol goes before that of the fields', () => {
    const bench = new SenderBench();
    const record = scan('{"@timestamp":"2020-01-01T00:00:00Z","date":5}');
    record.setTime(1_795_317_075, 7, 9);

    bench.writer.write(record, origin);

    expect(bench.records()[0]).toMatchObject({
      '@timestamp': '2026-11-22T03:11:15.000000007Z',
      labels: { sender_timestamp: '2020-01-01T00:00:00Z' },
      date: 5,
    });
  });

  test('of the protocol that can be none is kept in a label', () => {
    const bench = new SenderBench();
    const record = scan('{"message":"x"}');
    record.setTime(0, 5, 9);

    bench.writer.write(record, origin);

    expect(bench.records()[0]).toMatchObject({
      '@timestamp': RECEIVED,
      labels: { sender_time: '0.000000005' },
      spillway: { flags: ['time_invalid'] },
    });
  });
});

describe('a member', () => {
  test('that ECS knows is put where it belongs, however it was written', () => {
    const line = lineOf(
      '{"log":{"level":"info","file":{"line":4}},"log.file.path":"/x","offset":9,"host.name":"a","event.action":"push","event":{"kind":"event"},"user.name":"bob","user":{"id":"7"}}',
    );

    expect(line).toMatchObject({
      event: { action: 'push', kind: 'event' },
      log: { level: 'info', file: { line: 4, path: '/x' }, offset: 9 },
      host: { name: 'a' },
      user: { name: 'bob', id: '7' },
    });
  });

  test('that nobody knows stays as it is, digit by digit', () => {
    const bench = new SenderBench();
    bench.writer.write(
      scan('{"big":123456789012345678901234567890,"inf":1e400,"__proto__":{"polluted":1},"a.b":[1, 2]}'),
      origin,
    );

    expect(bench.lines()[0]).toContain(
      '"big":123456789012345678901234567890,"inf":1e400,"__proto__":{"polluted":1},"a.b":[1, 2]',
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('that stands where ECS wants an object is kept as a label', () => {
    const line = lineOf('{"event":"push","user":"bob","source":5,"message":{"a":1},"host":"web-1","error":null}');

    expect(line['labels']).toEqual({ event: 'push', user: 'bob', source: '5', message: '{"a":1}', error: 'null' });
    expect(line['host']).toEqual({ name: 'web-1' });
    expect(line['message']).toBeUndefined();
  });

  test('that is the relay’s own is never taken from a sender', () => {
    const line = lineOf(
      '{"event":{"id":"evil","created":"evil","action":"x"},"spillway":{"flags":["a"]},"spillway.input":"evil","@metadata":{"index":"evil"}}',
    );

    expect(line['event']).toEqual({
      id: 'testnd-0000001-000000001',
      created: RECEIVED,
      dataset: 'generic',
      action: 'x',
    });
    expect(line['labels']).toEqual({
      sender_event_id: 'evil',
      sender_event_created: 'evil',
      sender_spillway: '{"flags":["a"]}',
      'sender_spillway.input': 'evil',
      sender_metadata: '{"index":"evil"}',
    });
    expect(line['spillway']).toEqual({ input: 'web', format: 'json', flags: ['time_missing', 'id_replaced'] });
  });

  test('that names a valid dataset chooses it; any other name is a label', () => {
    expect(lineOf('{"event.dataset":"github.audit"}')['event'].dataset).toBe('github.audit');
    expect(lineOf('{"event":{"dataset":"../x"}}')).toMatchObject({
      event: { dataset: 'generic' },
      labels: { sender_event_dataset: '../x' },
    });
  });

  test('that comes twice counts the last time, and the source is kept', () => {
    const text = '{"message":"first","a":1,"message":"second","a":2}';
    const line = lineOf(text);

    expect(line).toMatchObject({ message: 'second', a: 2, event: { original: text } });
  });

  test('the index learns the host', () => {
    const bench = new SenderBench();
    bench.writer.write(scan('{"host":{"name":"web-\\u0031"}}'), { ...origin, peer: '10.0.0.7' });
    bench.lines();

    expect(bench.streams).toEqual(['host:web-1', 'source:10.0.0.7']);
  });
});

describe('bytes that are no text', () => {
  test('in a message are kept in base64', () => {
    const raw = Buffer.from([0x61, 0xff, 0x62]);
    const line = lineOf(Buffer.concat([Buffer.from('{"log":"'), raw, Buffer.from('"}')]));

    expect(line['message']).toBe('a\ufffdb');
    expect(line['spillway'].original_base64).toBe(raw.toString('base64'));
    expect(line['spillway'].flags).toContain('invalid_utf8');
  });

  test('that Fluent Bit marks as U+E0NN are found again', () => {
    const line = lineOf('{"log":"a\ue0ffb\ue080 \\u00e9"}', {}, 'fluent_bit');

    expect(line['message']).toBe('a\ufffdb\ufffd é');
    expect(Buffer.from(line['spillway'].original_base64, 'base64')).toEqual(
      Buffer.concat([Buffer.from([0x61, 0xff, 0x62, 0x80, 0x20]), Buffer.from('é')]),
    );
  });

  test('half a surrogate pair keeps the source', () => {
    const text = '{"log":"a\\ud800b"}';
    const line = lineOf(text);

    expect(line).toMatchObject({ message: 'a\ufffdb', event: { original: text } });
    expect(line['spillway'].flags).toContain('invalid_utf8');
  });

  test('in another field keep the whole source', () => {
    const source = Buffer.concat([Buffer.from('{"app":"'), Buffer.from([0xc3, 0x28]), Buffer.from('","log":"x"}')]);
    const line = lineOf(source);

    expect(line).toMatchObject({ app: '\ufffd(', message: 'x' });
    expect(line['spillway'].source_base64).toBe(source.toString('base64'));
  });
});

test('pretty-printed JSON becomes one line', () => {
  const line = lineOf('{\n  "a": {\n    "b": [1,\r\n\t2, "x\\ty"]\n  },\n "log": "m"\n}');

  expect(line).toMatchObject({ a: { b: [1, 2, 'x\ty'] }, message: 'm' });
});

test('keep_original keeps the source of every record', () => {
  const text = '{"message":"x", "n": 1}';

  expect(lineOf(text, { keepOriginal: true })['event'].original).toBe(text);
});

describe('a large record', () => {
  const limits = { recordBytesMax: 100 };

  test('is split in pieces of its message, none within a character', () => {
    const message = 'é'.repeat(170);
    const bench = new SenderBench(limits);

    const lines = bench.writer.write(scan(JSON.stringify({ app: 'x', message })), origin);

    const records = bench.records();
    expect(records).toHaveLength(lines);
    expect(records.map((r) => r['message']).join('')).toBe(message);
    expect(records.map((r) => r['spillway'].part)).toEqual([1, 2, 3, 4]);
    for (const record of records) {
      expect(record).toMatchObject({ app: 'x', spillway: { parts: lines, flags: ['time_missing', 'split'] } });
      expect(Buffer.byteLength(record['message'])).toBeLessThanOrEqual(100);
    }
  });

  test('whose fields are large is split as text', () => {
    const text = JSON.stringify({ a: 'x'.repeat(300) });
    const bench = new SenderBench(limits);
    bench.writer.write(scan(text), origin);

    const records = bench.records();
    expect(records.map((r) => r['message']).join('')).toBe(text);
    expect(records[0]!['spillway'].flags).toEqual(['unparsed', 'split']);
  });
});

test.each([
  ['too many members', `{${Array.from({ length: 300 }, (_, i) => `"k${i}":1`).join(',')}}`],
  ['a name of 64 KiB', `{"${'k'.repeat(65_536)}":1}`],
  ['too many labels', `{"event":"x","labels":{${Array.from({ length: 600 }, (_, i) => `"k${i}":1`).join(',')}}}`],
])('an object with %s is kept as text', (_, text) => {
  expect(lineOf(text)).toMatchObject({ message: text, spillway: { flags: ['unparsed'] } });
});

test('strings by their bytes, as msgpack has them, are written the same', () => {
  const bench = new SenderBench();
  const record = new SenderRecord();
  const key = fragment('log');
  const value: Source = sourceOf(Buffer.from([0x68, 0x69, 0xff]));
  record.begin(value, 0, 3, 64);
  record.addText(key, 0, 3, value, 0, 3);
  record.addJson(fragment('n'), 0, 1, fragment('[1,2]'), 0, 5);
  bench.writer.write(record, { format: 'msgpack', tag: 'gha.pages', peer: '::1' });

  expect(bench.records()[0]).toMatchObject({
    n: [1, 2],
    message: 'hi\ufffd',
    source: { ip: '::1' },
    spillway: { format: 'msgpack', tag: 'gha.pages', original_base64: 'aGn/' },
  });
});

test.each(['{"source":{"ip":"10.9.9.9"}}', '{"source.ip":"10.9.9.9"}'])(
  'a sender’s own source stays as it is, and its address is under spillway then: %s',
  (text) => {
    const bench = new SenderBench();
    bench.writer.write(scan(text), { ...origin, peer: '10.0.0.7' });
    bench.writer.write(scan('{"source":"app","sources":1}'), { ...origin, peer: '10.0.0.7' });
    const [own, other] = bench.records();

    expect(own).toMatchObject({ source: { ip: '10.9.9.9' }, spillway: { peer: '10.0.0.7' } });
    expect(other).toMatchObject({ sources: 1, labels: { source: 'app' }, source: { ip: '10.0.0.7' } });
    expect(other!['spillway']).not.toHaveProperty('peer');
  },
);

// Goal: whatever names a sender uses, in whatever way they get into each other's way, the line is valid, the relay's own members are
// the relay's, and no value is lost. Method: objects of names that mean something, with a value of its own at each leaf, which must
// then be found somewhere in the line.
test('no value is lost, whatever the names', () => {
  const names =
    'event event.id event.kind event.original id created dataset original log log.file log.file.path ' +
    'log.offset file path offset host host.name hostname name labels labels.event labels.a spillway ' +
    'spillway.flags @metadata @timestamp time message msg user user. .user user..a __proto__ a.b a ' +
    'flags sender_event_id event.id.x tags';
  const name = fc.constantFrom(...names.split(' '));
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('text', 7, null, []),
      fc.uniqueArray(fc.tuple(name, tie('tree')), { maxLength: 6, selector: ([key]) => key }),
    ),
  }));
  const members = fc.uniqueArray(fc.tuple(name, tree), { maxLength: 12, selector: ([key]) => key });
  fc.assert(
    fc.property(members, fc.boolean(), (pairs, keepOriginal) => {
      let leaves = 0;
      const textOf = (value: unknown): string => {
        if (Array.isArray(value) && value.length > 0)
          return `{${value.map(([key, inner]) => `${JSON.stringify(key)}:${textOf(inner)}`).join(',')}}`;
        return value === 'text' ? `"leaf-${++leaves}-"` : JSON.stringify(value);
      };
      const bench = new SenderBench({ keepOriginal });
      bench.writer.write(scan(textOf(pairs.length === 0 ? [['a', 1]] : pairs)), origin);
      const [text = ''] = bench.lines();
      const line = JSON.parse(text) as ParsedRecord;

      expect(line['event']).toMatchObject({ id: 'testnd-0000001-000000001', created: RECEIVED });
      expect(line['spillway'].input).toBe('web');
      for (let i = 1; i <= leaves; i++) expect(text).toContain(`leaf-${i}-`);
    }),
    { numRuns: 3_000 },
  );
});

// Goal: the room that the batch builder gives for a record is enough whatever its bytes become, with the source kept beside them: a
// write beyond it would throw, or be lost. Method: bytes that grow most when written, in slabs of exactly the room asked for.
test.each([
  ['U+0085', '\u0085'],
  ['quotes', '\\"'],
  ['control characters', '\\u0001'],
  ['half surrogates', '\\ud800'],
])('there is room for %s wherever they stand', (_, piece) => {
  const long = piece.repeat(2_000);
  const text = `{"message":"${long}","${piece.repeat(20)}":["${long}"],"user":"${long}","log":{"a":"${long}"},"log.b":"${long}"}`;
  const bench = new SenderBench({ keepOriginal: true, slabBytes: 1 });

  bench.writer.write(scan(text), { ...origin, tag: '\u0085'.repeat(500), peer: '::1' });

  const [line] = bench.records();
  const expected = (JSON.parse(`"${long}"`) as string).toWellFormed();
  expect(line).toMatchObject({ message: expected, event: { original: text }, log: { a: expected, b: expected } });
});
