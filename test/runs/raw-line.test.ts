import { expect, test } from 'vitest';
import { JsonScanner } from '../../relay/record/json-scan.ts';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { SenderRecord } from '../../relay/record/sender-fields.ts';
import { RawLineReader } from '../../relay/runs/raw-line.ts';
import { JOB, pagePath, WORKER_PATH } from '../support/runner-log.ts';
import { SenderBench } from '../support/sender-bench.ts';

const runner = {
  page: { name: 'github.runner.page', stored: false },
  worker: { name: 'github.runner.worker', stored: false },
};
const path = pagePath(JOB.record);

/** What the assembly reads of a record that came in from an address, over the journal's own form of it. */
function read(json: string, recordBytesMax = 1 << 20) {
  const bench = new SenderBench({ runner, recordBytesMax });
  const record = new SenderRecord();
  const source = sourceOf(Buffer.from(json));
  record.dialect = 'fluent_bit';
  record.begin(source, 0, source.bytes.length);
  new JsonScanner(100).object(source, 0, source.bytes.length, record);
  bench.writer.write(record, { format: 'json', tag: 't', peer: '10.0.0.7' });
  const reader = new RawLineReader();
  const pin = { held: 0 };
  const found = bench.lines().map((line, i) => reader.read(line, 5 + i, 100, pin));
  return { found, pin };
}

function json(fields: object): string {
  return JSON.stringify({ time: 1_795_000_000, file: path, offset: 7, log: 'x', ...fields });
}

test('a page’s line is read with its place and its sender', () => {
  const [line] = read(json({})).found;

  expect(line).toMatchObject({
    kind: 'page',
    name: { timeline: JOB.timeline, record: JOB.record, number: 1, path },
    runner: { source: '10.0.0.7', host: undefined, pod: undefined },
    line: { seq: 5, offset: 7, length: 1, unended: false, sinceMs: 100 },
  });
});

test.each([
  [{ source: { ip: '1.2.3.4', port: 5 } }, '10.0.0.7'],
  [{ host: { name: 'vm-1' } }, 'vm-1'],
  [{ host: { name: 'vm-1' }, github: { runner: { pod: 'pod-1', name: 'r' } } }, 'pod-1'],
])('senders are told apart by pod, host or address: %j', (fields, source) => {
  expect(read(json(fields)).found[0]?.runner.source).toBe(source);
});

test('a Worker log’s line is one', () => {
  expect(read(json({ file: WORKER_PATH })).found[0]).toMatchObject({ kind: 'worker', path: WORKER_PATH });
});

test('bytes that are no text are had back', () => {
  const [line] = read(json({ log: 'a\ue0ffb' })).found;

  expect(line?.line.bytes).toEqual(Buffer.from([0x61, 0xff, 0x62]));
  expect(line?.line.length).toBe(3);
});

test('a line that was split for its length is put together, and its first piece stays in the journal until then', () => {
  const text = 'äb'.repeat(500);
  const { found, pin } = read(json({ log: text }), 256);

  expect(found.slice(0, -1).every((line) => line === undefined)).toBe(true);
  expect(found.at(-1)?.line.bytes.toString()).toBe(text);
  expect(found.at(-1)?.line.length).toBe(Buffer.byteLength(text));
  expect(pin.held).toBe(0);
});

test('what is no line of a runner is passed over', () => {
  const reader = new RawLineReader();

  expect(reader.read('{"event":{"dataset":"syslog"}}', 1, 0, undefined)).toBeUndefined();
  expect(reader.read('no json', 1, 0, undefined)).toBeUndefined();
  expect(reader.read('{"event":{"dataset":"github.runner.page"},"message":7}', 1, 0, undefined)).toBeUndefined();
});
