import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { LogstashHttpStandIn } from './logstash-http-stand-in.ts';

/** A request over a bare socket; `text` is all that came back so far. */
function post(port: number, headers: Record<string, string>, body: string | Buffer) {
  const socket = connect(port, '127.0.0.1');
  const bytes = Buffer.from(body);
  const answer = { text: '', closed: false, socket, [Symbol.dispose]: () => socket.destroy() };
  socket.on('data', (chunk: Buffer) => (answer.text += chunk.toString()));
  socket.on('error', () => {}).on('close', () => (answer.closed = true));
  const lines = Object.entries({ host: 'x', 'content-length': String(bytes.length), ...headers });
  socket.write(`POST / HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  socket.write(bytes);
  return answer;
}

const json = { 'content-type': 'application/json' };

test('an array becomes its elements, gzip or not, and is answered ok', async () => {
  await using logstash = await LogstashHttpStandIn.start();
  using plain = post(logstash.port, json, '[{"a":1},{"a":2}]');
  await vi.waitFor(() => expect(plain.text).toMatch(/^HTTP\/1.1 200 [^]*\r\n\r\nok$/));

  using packed = post(logstash.port, { ...json, 'content-encoding': 'gzip' }, gzipSync('[{"a":3}]'));

  await vi.waitFor(() => expect(packed.text).toContain('200'));
  expect(logstash.events).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
});

test('bad JSON and NDJSON are answered 200 and become one event each', async () => {
  await using logstash = await LogstashHttpStandIn.start();

  using bad = post(logstash.port, json, '[{"a":');
  await vi.waitFor(() => expect(bad.text).toContain('200'));
  using lines = post(logstash.port, { 'content-type': 'application/x-ndjson' }, '{"a":1}\n{"a":2}\n');
  await vi.waitFor(() => expect(lines.text).toContain('200'));

  expect(logstash.events).toEqual([
    { message: '[{"a":', tags: ['_jsonparsefailure'] },
    { message: '{"a":1}\n{"a":2}\n' },
  ]);
});

test('a 429 has no length; the connection is closed, or left open for who asked to be told first', async () => {
  await using logstash = await LogstashHttpStandIn.start();
  logstash.mood = 'busy';

  using closed = post(logstash.port, json, '[]');
  using open = post(logstash.port, { ...json, expect: '100-continue' }, '');

  await vi.waitFor(() => expect(closed.closed).toBe(true));
  await vi.waitFor(() => expect(open.text).toBe('HTTP/1.1 429 Too Many Requests\r\n\r\n'));
  expect(closed.text).toBe('HTTP/1.1 429 Too Many Requests\r\n\r\n');
  expect(open.closed).toBe(false);
});

test('401 names the scheme only where no credentials came', async () => {
  await using logstash = await LogstashHttpStandIn.start({ username: 'relay', password: 'right' });

  using none = post(logstash.port, json, '[]');
  using wrong = post(logstash.port, { ...json, authorization: 'Basic d3Jvbmc6d3Jvbmc=' }, '[]');

  await vi.waitFor(() => expect(none.text).toMatch(/401[^]*www-authenticate: Basic/i));
  await vi.waitFor(() => expect(wrong.text).toContain('401'));
  expect(wrong.text).not.toMatch(/www-authenticate/i);
});

test('any other status is answered with an empty body', async () => {
  await using logstash = await LogstashHttpStandIn.start();
  logstash.mood = 500;

  using answer = post(logstash.port, json, '[{"a":1}]');

  await vi.waitFor(() => expect(answer.text).toMatch(/500[^]*content-length: 0[^]*\r\n\r\n$/));
  expect(logstash.events).toEqual([]);
});

test('a request whose sender has gone is processed all the same', async () => {
  await using logstash = await LogstashHttpStandIn.start();
  logstash.mood = 'stalled';
  using answer = post(logstash.port, json, '[{"a":1}]');
  await vi.waitFor(() => expect(logstash.requests).toHaveLength(1));
  answer.socket.destroy();

  logstash.resume();

  await vi.waitFor(() => expect(logstash.events).toEqual([{ a: 1 }]));
});
