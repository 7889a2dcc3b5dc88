import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { InputContext } from '../../../relay/component/input.ts';
import { HarborSilence } from '../../../relay/inputs/syslog/harbor-silence.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fuzzHarbor } from '../../support/harbor-fuzz.ts';
import { rawLineOf } from '../../support/raw-line.ts';
import { LineRecorder, recordLine } from '../../support/record-lines.ts';
import { SyslogStream, recordStream } from '../../support/syslog-stream.ts';

interface Sample {
  readonly case: string;
  /** As one write of a Harbor: its own forwarder, formatter and audit managers wrote it, over loopback. */
  readonly bytes: string;
  readonly timestamp: string;
  readonly timezone?: string;
  readonly user?: string;
  readonly flags: readonly string[];
  readonly harbor: Readonly<Record<string, string | boolean>>;
}

const samples = readFileSync('test/vectors/syslog/harbor.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Sample);
const nowMs = Date.parse('2026-11-22T02:41:37Z');
const pull = samples.find(({ case: name }) => name.startsWith('pull_artifact, robot'))!;
const body = (sample: Sample): string => sample.bytes.slice(sample.bytes.indexOf(']: 2026') + 3, -1);

const expectedOf = (sample: Sample): Record<string, unknown> => ({
  '@timestamp': sample.timestamp,
  event: {
    dataset: 'harbor.audit',
    created: '2026-11-22T02:41:37.000Z',
    action: sample.harbor['operation'],
    outcome: 'unknown',
  },
  harbor: sample.harbor,
});

describe('what Harbor itself sends', () => {
  test.each(samples)('$case', (sample) => {
    const records = recordStream([sample.bytes], { nowMs });

    expect(records).toHaveLength(1);
    const [record] = records;
    expect(record).toMatchObject(expectedOf(sample));
    expect(record!['harbor']).toEqual(sample.harbor);
    expect(record!['user']?.name).toBe(sample.user);
    expect(record!['event'].timezone).toBe(sample.timezone);
    expect(record!['spillway'].flags ?? []).toEqual(sample.flags);
    expect(rawLineOf(record!).toString()).toBe(sample.bytes.slice(0, -1));
  });

  test.each(samples)('$case, one byte at a time', (sample) => {
    const bytes = Buffer.from(sample.bytes);
    const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));

    const atOnce = recordStream([bytes], { nowMs });
    expect(recordStream(chunks, { nowMs })).toEqual(atOnce);
  });

  test('a record has all that its header says, and the text whole', () => {
    const { event, ...record } = recordLine(pull.bytes.slice(0, -1), { nowMs });

    expect(Object.keys(event)).toEqual(['id', 'created', 'dataset', 'action', 'outcome']);
    expect(record).toEqual({
      user: { name: 'robot$team-a+ci-pull' },
      harbor: pull.harbor,
      '@timestamp': '2026-11-22T02:41:36.839095581Z',
      host: { name: '814da02eb5a8' },
      log: {
        level: 'info',
        syslog: {
          priority: 6,
          facility: { code: 0, name: 'kern' },
          severity: { code: 6, name: 'info' },
          appname: 'audit',
          procid: '1',
        },
      },
      message: body(pull),
      source: { ip: '10.1.2.3' },
      spillway: { input: 'edge', format: 'rfc3339' },
    });
  });
});

// rsyslog writes a control character as #012, so that a record of two lines comes as one.
const headers: ReadonlyArray<readonly [string, string, string]> = [
  ['RFC 3164', '<6>Nov 22 02:41:36 814da02eb5a8 audit[1]: ', 'rfc3164'],
  ['RFC 3164 without a priority, as in a file', 'Nov 22 02:41:36 814da02eb5a8 audit[1]: ', 'rfc3164'],
  ['RFC 5424', '<6>1 2026-11-22T02:41:36+00:00 814da02eb5a8 audit 1 - - ', 'rfc5424'],
  ['RFC 5424 with the space that rsyslog leaves', '<6>1 2026-11-22T02:41:36Z 814da02eb5a8 audit 1 - -  ', 'rfc5424'],
  ['the forward format of rsyslog', '<6>2026-11-22T02:41:36.000001+00:00 814da02eb5a8 audit[1]: ', 'rfc3339'],
  ['a header without a host', '<6>Nov 22 02:41:36 audit[1]: ', 'rfc3164'],
];

describe.each(headers)('rewritten by a syslog daemon: %s', (_name, header, format) => {
  test.each(samples)('$case', (sample) => {
    const line = header + body(sample).replace('\n', '#012');
    const record = recordLine(line, { nowMs });

    const { sent: _sent, operator: _operator, ...harbor } = sample.harbor;
    expect(record['harbor']).toMatchObject(harbor);
    expect(record).toMatchObject({
      '@timestamp': sample.timestamp,
      event: { dataset: 'harbor.audit', outcome: 'unknown' },
      spillway: { format },
    });
    expect(record['harbor'].sent).toMatch(/^2026-11-22T02:41:36(\.000001)?Z$/);
    expect(rawLineOf(record).toString()).toBe(line);
  });
});

describe('what is not Harbor’s is left alone', () => {
  test.each([
    'Udp data',
    '<6>2026-11-22T02:41:36Z web-1 audit[1]: USER_AUTH pid=1 uid=0 msg=\'op=PAM acct="root"\'',
    '<6>Nov 22 02:41:36 web-1 audit[812]: 2026-11-22T02:41:36Z [INFO] [/x.go:1]: starting',
    `<6>2026-11-22T02:41:36Z web-1 nginx[1]: ${body(pull)}`,
  ])('%s', (line) => {
    const record = recordLine(line, { nowMs });

    expect(record['event'].dataset).toBe('syslog');
    expect(record['harbor']).toBeUndefined();
    expect(rawLineOf(record).toString()).toBe(line);
  });

  test('nor does a header that is known by now make a difference', () => {
    const recorder = new LineRecorder({ nowMs });
    const kernel = '<6>2026-11-22T02:41:36Z 814da02eb5a8 audit[1]: USER_AUTH pid=1 uid=0 auid=0';
    for (let i = 0; i < 8; i++) expect(recorder.record(kernel)['event'].dataset).toBe('syslog');

    expect(recorder.record(pull.bytes.slice(0, -1))).toMatchObject(expectedOf(pull));
    expect(recorder.record(kernel)['event'].dataset).toBe('syslog');
  });

  test('`never` keeps audit lines as they are', () => {
    const record = recordLine(pull.bytes.slice(0, -1), { nowMs, harbor: { detect: 'never' } });

    expect(record).toMatchObject({ event: { dataset: 'syslog' }, message: body(pull) });
    expect(record['harbor']).toBeUndefined();
  });

  test('`always` finds them whatever the program is called, also without a header', () => {
    const always = { nowMs, harbor: { detect: 'always' } } as const;
    for (const header of ['', '<6>2026-11-22T02:41:36Z web-1 nginx[1]: ', '<6>Nov 22 02:41:36 172.18.0.1 core[7]: ']) {
      const recorder = new LineRecorder(always);
      for (let i = 0; i < 8; i++)
        expect(recorder.record(header + body(pull))).toMatchObject({
          event: { dataset: 'harbor.audit' },
          harbor: { operation: 'pull_artifact' },
        });
      expect(recorder.record('<6>Nov 22 02:41:36 172.18.0.1 core[7]: other')['event'].dataset).toBe('syslog');
    }
  });

  test('a line too long for fields of its own is kept like any other', () => {
    const line = pull.bytes.slice(0, -1) + 'x'.repeat(200_000);
    const record = recordLine(line, { nowMs });

    expect(record['event'].dataset).toBe('syslog');
    expect(rawLineOf(record).toString()).toBe(line);
  });
});

describe('times', () => {
  test.each([
    [Date.parse(pull.timestamp) + 299_000, undefined],
    [Date.parse(pull.timestamp) + 301_000, ['time_skewed']],
    [Date.parse(pull.timestamp) - 301_000, ['time_skewed']],
  ])('an event far from its arrival is flagged', (arrivedMs, flags) => {
    expect(recordLine(pull.bytes.slice(0, -1), { nowMs: arrivedMs })['spillway'].flags).toEqual(flags);
  });

  test('a header without a valid time is said to have none', () => {
    const missing = recordLine(`<6>audit[1]: ${body(pull)}`, { nowMs });
    const invalid = recordLine(`<6>Feb 30 02:41:36 h audit[1]: ${body(pull)}`, { nowMs });

    expect(missing).toMatchObject({ '@timestamp': pull.timestamp, spillway: { flags: ['time_missing'] } });
    expect(invalid).toMatchObject({ '@timestamp': pull.timestamp, spillway: { flags: ['time_invalid'] } });
    expect([missing['harbor'].sent, invalid['harbor'].sent]).toEqual([undefined, undefined]);
  });
});

test('bytes that are no UTF-8 are kept exactly', () => {
  const line = Buffer.from(pull.bytes.slice(0, -1).replace('robot$', 'r\xe9bot$'), 'latin1');
  const record = recordLine(line, { nowMs });

  expect(record).toMatchObject({ user: { name: 'r\uFFFDbot$team-a+ci-pull' }, spillway: { flags: ['invalid_utf8'] } });
  expect(rawLineOf(record).equals(line)).toBe(true);
});

const nameOf = (line: string): string =>
  line.slice(line.indexOf('operator="') + 10, line.lastIndexOf('" resourceType="'));
const withName = (name: string): string => pull.bytes.replace('robot$team-a+ci-pull', name);

describe('the lines of one record', () => {
  test.each([
    ['a line end', 'a\nb'],
    ['several, and empty lines', 'a\n\n\nb\n\nc'],
    ['line ends of other systems', 'a\r\nb\r\n\r\nc'],
    ['a NUL', 'a\0b'],
    ['a NUL and a line end', 'a\0\n\0b'],
    ['a line end at its start and its end', '\nab\n'],
    ['what looks like an octet count behind a line end', 'a\n99999999999 <6>b'],
    ['digits without end behind a line end', `a\n${'9'.repeat(100)}`],
  ])('%s in a name', (_name, name) => {
    const stream = new SyslogStream({ nowMs });
    const [record, ...others] = stream.receive(withName(name));

    expect(others).toEqual([]);
    expect(record).toMatchObject({ harbor: { ...pull.harbor, operator: name }, spillway: { flags: ['joined'] } });
    expect(rawLineOf(record!).toString()).toBe(withName(name).slice(0, -1));
    expect(stream.unfinished).toBe(false);
    expect(stream.receive('<6>Nov 22 02:41:36 h a: next\n\n\n')).toMatchObject([{ message: 'next' }]);
  });

  test('a line that is nobody’s rest waits for a second, then both are kept as they came', () => {
    const stream = new SyslogStream({ nowMs });
    const first = withName('a\nb').split('\n')[0]!;
    expect(stream.receive(`${first}\n\nUdp data\n`)).toEqual([]);
    expect(stream.unfinished).toBe(true);
    expect(stream.settle(performance.now() - 5_000)).toEqual([]);

    const records = stream.settle(performance.now() + 1_100);

    expect(records.map((record) => rawLineOf(record).toString())).toEqual([first, 'Udp data']);
    expect(records).toMatchObject([
      { event: { dataset: 'syslog' }, spillway: { flags: ['incomplete'] } },
      { event: { dataset: 'syslog' }, spillway: { flags: ['unparsed', 'incomplete'] } },
    ]);
    expect(stream.unfinished).toBe(false);
  });

  test('so it is when the connection ends', () => {
    const records = recordStream([withName('a\nb').slice(0, 200)], { nowMs });

    expect(records.map((record) => rawLineOf(record).toString()).join('\n')).toBe(withName('a\nb').slice(0, 200));
    expect(records[0]!['spillway'].flags).toContain('incomplete');
  });

  test.each([
    ['lines', 'x\n'.repeat(70)],
    ['bytes', `${'x'.repeat(30_000)}\n`.repeat(3)],
  ])('too many %s are not joined, and none is lost', (_name, name) => {
    const sent = withName(name);
    const records = recordStream([sent], { nowMs });

    expect(`${records.map((record) => rawLineOf(record).toString()).join('\n')}\n`).toBe(sent);
    expect(records[0]!['spillway'].flags).toEqual(['incomplete']);
  });

  test('a newer record without its description waits for it, and is one without it in the end', () => {
    const [before, after] = pull.bytes.split(', operation_description');
    const joined = recordStream([`${before}\nmore, operation_description${after}`], { nowMs });
    const stream = new SyslogStream({ nowMs });
    expect(stream.receive(`${before}\n`)).toEqual([]);

    expect(joined).toMatchObject([{ harbor: { resource: `${String(pull.harbor['resource'])}\nmore` } }]);
    expect(stream.settle(performance.now() + 1_100)).toMatchObject([{ harbor: { resource: pull.harbor['resource'] } }]);
  });

  test('a whole record hidden in a name does not pass for one', () => {
    const hidden = withName('victim').replace('pull', 'delete').slice(0, -1);
    const records = recordStream([withName(`a\n${hidden}\nb`)], { nowMs });

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      harbor: { action: 'pull', operator: `a\n${hidden}\nb` },
      spillway: { flags: ['ambiguous', 'forged', 'joined'] },
    });
  });

  test('where the first that is sent holds two whole records, one may be forged, and both are flagged', () => {
    const forging = withName(
      'a" resourceType="user" time="2026-11-22 02:41:36 +0000 UTC"]: action:logout, resource:a, operation_description:logout\nx',
    );
    const later = new SyslogStream({ nowMs });
    later.receive(pull.bytes);
    const daemon = recordStream([`${pull.bytes}<13>Nov 22 02:41:36 h a: x\n${pull.bytes}`], { nowMs });

    const both = recordStream([pull.bytes + pull.bytes], { nowMs });

    expect(both.map((record) => record['spillway'].flags)).toEqual([['ambiguous'], ['ambiguous']]);
    expect(recordStream([forging], { nowMs })).toMatchObject([
      {
        harbor: { operation: 'pull_artifact', operator: nameOf(forging) },
        spillway: { flags: ['ambiguous', 'joined'] },
      },
    ]);
    expect(daemon.map((record) => record['spillway'].flags)).toEqual([undefined, undefined, undefined]);
    expect(later.receive(pull.bytes + pull.bytes).map((record) => record['spillway'].flags)).toEqual([
      undefined,
      undefined,
    ]);
  });
});

test('a record whose operation is a guess has none by which a purge could take it', () => {
  const forged =
    'a" resourceType="artifact" time="2026-11-22 02:41:36 +0000 UTC"]: action:pull, resource:a/b:1, operation_description:x';
  const line = withName(forged).replace(/operation_description:pull.*/, 'operation_description:y');
  const record = recordLine(line.trimEnd(), { nowMs });

  expect(record).toMatchObject({
    event: { action: 'unclear', original: line.trimEnd() },
    harbor: { operation: 'unclear', action: 'pull', operator: forged },
    spillway: { flags: ['ambiguous'] },
  });
  expect(record['harbor'].repository).toBeUndefined();
});

describe('a Harbor that falls silent', () => {
  function watch(silenceMs: number): {
    silence: HarborSilence;
    clock: FakeClock;
    log: string[];
    context: InputContext;
  } {
    const clock = new FakeClock();
    const log: string[] = [];
    const { context } = new LineRecorder({ nowMs });
    const warn = (message: string): number => log.push(message);
    const silence = new HarborSilence({ ...context, clock, log: { ...context.log, warn } }, silenceMs);
    silence.start();
    return { silence, clock, log, context };
  }

  test('is warned of once, and so is that it speaks again', async () => {
    const { silence, clock, log, context } = watch(60_000);
    silence.heard();
    await clock.advance(59_000);
    expect(log).toEqual([]);

    await clock.advance(10_000);
    await clock.advance(600_000);
    expect(log).toEqual(['Harbor has fallen silent; its audit lines may be getting lost']);
    expect(context.counters.harbor).toEqual({ records: 1, lastMs: nowMs, silent: true });

    silence.heard();
    silence.heard();
    expect(log.slice(1)).toEqual(['Harbor speaks again']);
    expect(context.counters.harbor).toMatchObject({ records: 3, silent: false });
    silence.stop();
    expect(clock.intervalsMs).toEqual([]);
  });

  test('one that never spoke is not missed, and 0 misses nobody', async () => {
    const never = watch(60_000);
    await never.clock.advance(600_000);
    const off = watch(0);
    off.silence.heard();
    await off.clock.advance(1e9);

    expect([never.log, off.log]).toEqual([[], []]);
  });
});

// Goal: no byte of a line is lost, and nothing throws, whatever a line was made into. Method: lines of Harbor's, mutated, alone and as
// streams of several; the same with a million of them is `npm run fuzz:harbor`.
test('mutated lines lose no byte', () => {
  expect(fuzzHarbor({ lines: 6_000, seed: 1 })).toMatchObject({ lines: 6_000 });
});
