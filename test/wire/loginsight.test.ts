import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EVENT_BYTES_MAX, EventEncoder, packRequests, splitText, type EventForm } from '../../relay/wire/loginsight.ts';
import { fieldName } from '../../relay/wire/loginsight-names.ts';
import { readEvents, type StandInEvent } from '../support/log-insight-rules.ts';
import { line } from '../support/output-fixture.ts';

const NOW_MS = Date.parse('2026-11-22T05:20:10.120Z');

function encode(record: Record<string, unknown> | string, form: EventForm = 'list'): StandInEvent[] {
  const encoder = new EventEncoder({ form, nameCharsMax: 64 });
  return encodeWith(encoder, typeof record === 'string' ? record : line(record), form);
}

function encodeWith(encoder: EventEncoder, text: string, form: EventForm): StandInEvent[] {
  const [open, close] = form === 'list' ? ['{"events":[', ']}'] : ['[', ']'];
  const events = encoder.encode(text);
  for (const event of events) expect(Buffer.byteLength(event)).toBeLessThan(EVENT_BYTES_MAX);
  const read = readEvents(Buffer.from(open + events.join(',') + close), form, { nowMs: NOW_MS, isAuthenticated: true });
  if (typeof read === 'string') throw new Error(read);
  return read;
}

test.each(['list', 'flat', 'object'] as const)('a record becomes an event in the form "%s"', (form) => {
  const text = line({
    message: 'accepted',
    host: { name: 'web-1' },
    source: { ip: '10.0.0.7', port: 514 },
    log: {
      file: { path: '/var/log/auth.log' },
      syslog: {
        priority: 30,
        facility: { code: 3, name: 'daemon' },
        hostname: 'web-1',
        appname: 'sshd',
        structured_data: { 'origin@32473': { swVersion: '1.2' } },
      },
    },
    github: { run: { id: 4711, attempt: 1 }, public: false },
    tags: ['a', 'b'],
    event: { type: ['creation'], action: null },
  });

  const [event] = encode(text, form);

  expect(event).toEqual({
    text: 'accepted',
    timestamp: NOW_MS,
    restamped: false,
    fields: {
      event_id: expect.stringMatching(/^k3f9x2-/) as string,
      log_time: '2026-11-22T05:20:10.120Z',
      event_created: '2026-11-22T05:20:10.123Z',
      event_dataset: 'syslog',
      hostname: 'web-1',
      source_ip: '10.0.0.7',
      source_port: '514',
      filepath: '/var/log/auth.log',
      priority: '30',
      syslog_facility_code: '3',
      facility: 'daemon',
      appname: 'sshd',
      sd_origin_32473_swversion: '1.2',
      github_run_id: '4711',
      github_run_attempt: '1',
      github_public: 'false',
      tags: '["a","b"]',
      log_event_type: '["creation"]',
    },
  });
});

test('two places of a record with one name and different contents both keep theirs', () => {
  const [event] = encode({
    host: { name: 'a' },
    log: { syslog: { hostname: 'b' } },
    'x.y': '1',
    'x-y': '2',
    x: { y: '3' },
  });

  expect(event?.fields).toMatchObject({ hostname: 'a', hostname_: 'b', x_y: '1', x_y_: '2', x_y__: '3' });
});

test('a record with thousands of fields of one name is still encoded, with all of them', () => {
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => ['a' + '-'.repeat(i + 1), String(i)]));

  const events = encode({ labels: many });

  const contents = events.flatMap((e) => Object.entries(e.fields).filter(([name]) => name.startsWith('labels_a')));
  expect(new Set(contents.map(([, content]) => content)).size).toBe(3_000);
});

test.each([
  ['@version', '_version'],
  ['Kubernetes.Pod-Name', 'kubernetes_pod_name'],
  ['9lives', '_9lives'],
  ['a__b', 'a_b'],
  ['', '_'],
  ['schlüssel', 'schl_ssel'],
  ['__proto__', '_proto_'],
  ['timestamp', 'log_timestamp'],
  ['source', 'log_source'],
  ['text', 'log_text'],
  ['event_type', 'log_event_type'],
  ['x'.repeat(100), 'x'.repeat(64)],
])('the name %j becomes %j', (given, name) => {
  expect(fieldName(given, 64)).toBe(name);
});

test('reserved names at the top of a record are changed, and those inside of one are not touched for it', () => {
  const [event] = encode(
    '{"event":{"id":"i","created":"2026-11-22T05:20:10.123Z"},"source":"a","text":"b","timestamp":1}',
  );

  expect(event?.fields).toMatchObject({ log_source: 'a', log_text: 'b', log_timestamp: '1' });
  expect(encode({ source: { ip: '::1' } })[0]?.fields).toHaveProperty('source_ip', '::1');
});

test('a number of more than 53 bits keeps its digits', () => {
  const text = line({ n: 1, tags: [1] })
    .replace('"n":1', '"n":123456789012345678901234')
    .replace('[1]', '[9007199254740993]');

  const [event] = encode(text);

  expect(event?.fields).toMatchObject({ n: '123456789012345678901234', tags: '["9007199254740993"]' });
});

test('a record without a message sends its source text, and one without either its whole line', () => {
  const original = '{"event":{"id":"i","created":"2026-11-22T05:20:10.123Z","original":"<34>raw"}}';
  const neither = '{"event":{"id":"i","created":"2026-11-22T05:20:10.123Z"},"user":{"name":"alice"}}';

  expect(encode(original)[0]).toMatchObject({ text: '<34>raw' });
  expect(encode(neither)[0]).toMatchObject({ text: neither, timestamp: Date.parse('2026-11-22T05:20:10.123Z') });
});

test('source text is sent as a field only where it differs from the message', () => {
  expect(encode({ message: 'a', event: { original: 'a' } })[0]?.fields).not.toHaveProperty('event_original');
  expect(encode({ message: 'a', event: { original: '<1>a' } })[0]?.fields).toHaveProperty('event_original', '<1>a');
});

test('a time that is none keeps its text, and the event gets the time of its receipt', () => {
  const [event] = encode({ '@timestamp': 'yesterday' });

  expect(event).toMatchObject({ timestamp: Date.parse('2026-11-22T05:20:10.123Z'), fields: { log_time: 'yesterday' } });
});

test('a long text is split between characters, and its parts say what they belong to', () => {
  const message = '€'.repeat(12_000);

  const events = encode({ message, host: { name: 'web-1' } });

  expect(events.map((e) => Buffer.byteLength(e.text))).toEqual([16_383, 16_383, 3_234]);
  expect(events.map((e) => e.text).join('')).toBe(message);
  expect(events.map((e) => `${e.fields['part']}/${e.fields['parts']}`)).toEqual(['1/3', '2/3', '3/3']);
  expect(new Set(events.map((e) => e.fields['event_id'])).size).toBe(1);
  expect(new Set(events.map((e) => e.fields['hostname']))).toEqual(new Set(['web-1']));
});

test('a long field becomes parts that name it', () => {
  const original = 'x'.repeat(20_000);

  const events = encode({ message: 'short', event: { original } });

  expect(events.map((e) => e.fields['part_of'])).toEqual([undefined, 'event_original', 'event_original']);
  expect(
    events
      .slice(1)
      .map((e) => e.text)
      .join(''),
  ).toBe(original);
});

// Goal: whatever a record holds, the server's rules are kept and nothing of it is missing. Method: the rules of the stand-in read
// what was encoded; the words of the record must all be found in it.
test('whatever a record holds, the server takes it whole', () => {
  const key = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.constantFrom('text', 'source', 'a.b', 'a', '__proto__', 'part', 'event_id'),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.string({ unit: 'binary', minLength: 5_000, maxLength: 20_000 }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.string()),
      tie('object'),
    ),
    object: fc.dictionary(key, tie('any'), { maxKeys: 6 }),
  }));
  const encoders = {
    list: new EventEncoder({ form: 'list', nameCharsMax: 64 }),
    flat: new EventEncoder({ form: 'flat', nameCharsMax: 64 }),
    object: new EventEncoder({ form: 'object', nameCharsMax: 64 }),
  };
  fc.assert(
    fc.property(value.object, fc.constantFrom('list', 'flat', 'object'), (record, form) => {
      const text = line(record);

      const events = encodeWith(encoders[form], text, form);

      const held = new Set<string>();
      let whole = '';
      for (const event of events) {
        whole += event.text;
        for (const content of Object.values(event.fields)) held.add(content);
      }
      for (const content of strings(JSON.parse(text))) expect(held.has(content) || whole.includes(content)).toBe(true);
    }),
    { numRuns: 150 },
  );
});

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [Buffer.from(value).toString()];
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.values(value).flatMap(strings)
    : [];
}

test('pieces of a text are never longer than allowed and make up the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 3_000, maxLength: 30_000 }), (text) => {
      const pieces = splitText(text);

      expect(pieces.join('')).toBe(text);
      for (const piece of pieces) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(16_384);
    }),
    { numRuns: 50 },
  );
});

test('many large fields are spread over parts, each of a size that a request can hold', () => {
  const labels = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [`key${i}`, `${i}`.padEnd(12_000, '\u0001')]),
  );

  const events = encode({ message: 'text', host: { name: 'web-1' }, labels });

  expect(events.length).toBeGreaterThan(3);
  expect(events[0]?.text).toBe('text');
  const spread = events.flatMap((e) => Object.keys(e.fields).filter((name) => name.startsWith('labels_')));
  expect(spread).toHaveLength(100);
  expect(new Set(spread).size).toBe(100);
  expect(events.every((e) => e.fields['hostname'] === 'web-1')).toBe(true);
});

test('requests hold no more events and bytes than allowed, and know their records', () => {
  const encoder = new EventEncoder({ form: 'list', nameCharsMax: 64 });
  const lines = Buffer.from([line(), line(), line({ message: 'x'.repeat(60_000) }), line()].join(''));

  const byCount = [...packRequests(lines, encoder, 'list', { eventsMax: 3, bytesMax: 1_000_000 })];
  const bySize = [...packRequests(lines, encoder, 'list', { eventsMax: 500, bytesMax: 40_000 })];

  expect(byCount.map((r) => [r.events, r.firstRecord, r.lastRecord])).toEqual([
    [3, 0, 2],
    [3, 2, 2],
    [1, 3, 3],
  ]);
  expect(Math.max(...bySize.map((r) => r.body.length))).toBeLessThanOrEqual(40_000);
  expect(bySize.reduce((sum, r) => sum + r.events, 0)).toBe(7);
});

test('the longest event there can be fits into the smallest request', () => {
  expect(EVENT_BYTES_MAX).toBeLessThan(500_000);
});

test('a line that is no JSON is refused at its place, after those before it', () => {
  const encoder = new EventEncoder({ form: 'list', nameCharsMax: 64 });
  const requests = packRequests(Buffer.from(`${line()}${line()}{"broken\n${line()}`), encoder, 'list', {
    eventsMax: 500,
    bytesMax: 500_000,
  });

  expect(requests.next().value).toMatchObject({ events: 2, firstRecord: 0, lastRecord: 1 });
  expect(() => requests.next()).toThrow(expect.objectContaining({ code: 'OUTPUT_REFUSED_RECORD', recordIndex: 2 }));
});

test('nesting without end is refused or written as text, and harms nobody', () => {
  const deep = (depth: number): string =>
    line({ a: 1 }).replace('"a":1', `"a":${'['.repeat(depth)}${']'.repeat(depth)}`);

  expect(encode(deep(50))[0]?.fields['a']).toBe('['.repeat(50) + ']'.repeat(50));
  const requests = packRequests(
    Buffer.from(deep(200_000)),
    new EventEncoder({ form: 'list', nameCharsMax: 64 }),
    'list',
    { eventsMax: 500, bytesMax: 500_000 },
  );
  expect(() => requests.next()).toThrow(expect.objectContaining({ code: 'OUTPUT_REFUSED_RECORD', recordIndex: 0 }));
});

test('names are right again after so many keys that what was remembered of them was dropped', () => {
  const encoder = new EventEncoder({ form: 'list', nameCharsMax: 64 });
  for (let i = 0; i < 300; i++)
    encodeWith(
      encoder,
      line({ labels: Object.fromEntries(Array.from({ length: 100 }, (_, k) => [`key${i}x${k}`, '1'])) }),
      'list',
    );

  expect(encodeWith(encoder, line({ host: { name: 'a' } }), 'list')[0]?.fields).toMatchObject({ hostname: 'a' });
});
