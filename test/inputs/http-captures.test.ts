import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { http } from '../../relay/inputs/http/index.ts';
import { InputHarness, type ParsedRecord } from '../support/input-harness.ts';

// Goal: what a real Fluent Bit 5.1.1 sent arrives byte for byte, and the answers are ones it takes for success. Method: the bytes it
// put on each connection are sent again as they were captured; the records are compared with the lines of the files it read.
const folder = join(import.meta.dirname, '../vectors/fluent-bit');
const cases = readdirSync(folder).filter((name) => name.includes('http'));

test('there are captures of each format and encoding', () => {
  expect(cases.length).toBeGreaterThanOrEqual(24);
});

test.each(cases.filter((name) => !name.startsWith('default-buffer32k')))('%s arrives byte for byte', async (name) => {
  await using input = await InputHarness.start(http, {
    listen: 'http://127.0.0.1:0',
    tag_header: 'X-Fluent-Tag',
    keep_original: name === 'http-json-gzip',
  });

  const answers = await replay(input.port, name);

  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answers.length).toBe(requestsIn(name));
  expect(input.records.map(rawMessage)).toEqual(linesOf(fixtureOf(name)));
  for (const [i, record] of input.records.entries()) {
    expect(record['log'].file.path).toMatch(/\/(records|page-bom-crlf)\.log$/);
    expect(record['log'].offset).toBe(offsetsOf(fixtureOf(name))[i]);
    expect(record['@timestamp']).toMatch(/^2026-11-22T03:1\d:\d\d\.\d{3,9}Z$/);
    expect(record['spillway'].tag).toBe(name === 'http-json_lines-headers' ? 'gha.pages' : 'fluentbit');
    expect(record['spillway'].flags ?? []).toEqual(isText(rawMessage(record)) ? [] : ['invalid_utf8']);
  }
  expect(input.context.counters.repeats).toBe(requestsIn(name) - 1);
});

// With Fluent Bit's own default of 32k for a line, it sends the head of a file again and again, each time with other times; what it
// leaves out is lost before it is sent.
test.each([
  { name: 'default-buffer32k-http-json_lines', records: 39, distinct: 3 },
  { name: 'default-buffer32k-skip_long_lines-http-json_lines', records: 6, distinct: 6 },
  { name: 'default-buffer32k-truncate_long_lines-http-json_lines', records: 7, distinct: 7 },
])('$name: all that was sent arrives', async ({ name, records, distinct }) => {
  await using input = await InputHarness.start(http, { listen: 'http://127.0.0.1:0' });

  await replay(input.port, name);

  expect(input.records).toHaveLength(records);
  expect(new Set(input.records.map((record) => rawMessage(record).toString('latin1'))).size).toBe(distinct);
});

test('the precision of each of Fluent Bit’s time formats is kept', async () => {
  const times: Record<string, string> = {};
  for (const name of ['http-json-plain', 'http-json-epoch_ms', 'http-json_lines-headers', 'http-msgpack-plain']) {
    await using input = await InputHarness.start(http, { listen: 'http://127.0.0.1:0' });
    await replay(input.port, name);
    times[name] = input.records[0]!['@timestamp'];
  }

  expect(times).toEqual({
    'http-json-plain': '2026-11-22T03:10:47.107588Z',
    'http-json-epoch_ms': '2026-11-22T03:11:15.997Z',
    'http-json_lines-headers': '2026-11-22T03:11:14.013380Z',
    'http-msgpack-plain': expect.stringMatching(/^2026-11-22T03:1\d:\d\d\.\d{9}Z$/),
  });
});

/** Sends the bytes of each connection and returns all answers. */
async function replay(port: number, name: string): Promise<string[]> {
  const answers: string[] = [];
  for (const file of readdirSync(join(folder, name)).filter((f) => f.endsWith('.c2s.bin'))) {
    const bytes = readFileSync(join(folder, name, file));
    const expected = countOf(bytes, 'User-Agent: Fluent-Bit');
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (received += chunk));
    socket.write(bytes);
    await expect.poll(() => countOf(Buffer.from(received), '"accepted":')).toBe(expected);
    socket.end();
    await once(socket, 'close');
    answers.push(...received.split(/(?=HTTP\/1\.1 )/));
  }
  return answers;
}

function requestsIn(name: string): number {
  const files = readdirSync(join(folder, name)).filter((f) => f.endsWith('.c2s.bin'));
  return files.reduce((sum, f) => sum + countOf(readFileSync(join(folder, name, f)), 'User-Agent: Fluent-Bit'), 0);
}

function countOf(bytes: Buffer, text: string): number {
  return bytes.toString('latin1').split(text).length - 1;
}

/** The bytes that the sender had in its file. */
function rawMessage(record: ParsedRecord): Buffer {
  const encoded = record['spillway'].original_base64 as string | undefined;
  return encoded === undefined ? Buffer.from(record['message']) : Buffer.from(encoded, 'base64');
}

function fixtureOf(name: string): Buffer {
  const isPage = name.startsWith('page-') || name.includes('retry');
  return readFileSync(join(folder, 'fixture', isPage ? 'page-bom-crlf.log' : 'records.log'));
}

/** The lines that Fluent Bit sends: it takes CR LF for a line end and leaves out a last line that has none. */
function linesOf(file: Buffer): Buffer[] {
  const lines = file.toString('latin1').split('\n').slice(0, -1);
  return lines.map((line) => Buffer.from(line.replace(/\r$/, ''), 'latin1'));
}

function offsetsOf(file: Buffer): number[] {
  let at = 0;
  return file
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const start = at;
      at += line.length + 1;
      return start;
    });
}

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString('utf8')).equals(bytes);
}
