import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { alertOptions } from '../../relay/alerts/options.ts';
import {
  certificateConditions,
  incompleteRun,
  inputConditions,
  type InputSight,
  journalConditions,
} from '../../relay/runtime/alert-conditions.ts';
import { Certificates } from '../support/certificates.ts';
import { RelayHarness } from '../support/relay-harness.ts';

const CONFIG = { inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } }, endpoints: { e: { type: 'memory' } } };

let harness: RelayHarness;
beforeAll(async () => {
  harness = await RelayHarness.start(CONFIG);
});
afterAll(() => harness[Symbol.asyncDispose]());

test('a journal that has taken most of its room is an alert, and a damaged one', () => {
  const { relay } = harness;
  const room = { fileBytes: 81, freeBytes: 19 };
  expect(journalConditions(relay, room, alertOptions.parse({})).quota_near).toMatchObject([
    { severity: 'warning', message: expect.stringContaining('81 %') as string },
  ]);
  expect(journalConditions(relay, room, alertOptions.parse({ quota_percent: 82 })).quota_near).toEqual([]);
  relay.events.damagedRecords = 3;
  expect(journalConditions(relay, room, alertOptions.parse({})).journal_damaged).toHaveLength(1);
  relay.events.damagedRecords = 0;
});

test('datagrams lost since the last look are an alert; those lost before are not told again', () => {
  const { relay } = harness;
  const sights = new Map<string, InputSight>();
  const look = () => inputConditions(relay, sights, alertOptions.parse({})).udp_loss;
  expect(look()).toEqual([]);
  relay.inputs.get('a')!.counters.dropped(5, 'kernel_buffer_full');
  expect(look()).toMatchObject([{ subject: 'a', message: expect.stringContaining('lost 5 datagrams') as string }]);
  expect(look()).toEqual([]);
});

test('an input is silent only once it has spoken', () => {
  const { relay } = harness;
  const sights = new Map<string, InputSight>();
  const options = alertOptions.parse({ input_silence_ms: 1_000 });
  expect(inputConditions(relay, sights, options).input_silent).toEqual([]);
  sights.set('a', {
    records: relay.inputs.get('a')!.counters.records,
    lost: 0,
    heardMs: relay.clock.monotonicMs() - 120_000,
  });
  expect(inputConditions(relay, sights, options).input_silent).toMatchObject([
    { subject: 'a', message: expect.stringContaining('2 minutes') as string },
  ]);
});

test('a certificate that ends soon is an alert; one that cannot be read is told elsewhere', () => {
  using certificates = new Certificates();
  writeFileSync(join(harness.folder, 'broken.pem'), 'no certificate');
  const withTls = (file: string) => harness.config({ ...CONFIG, admin: { tls: { cert_file: file, key_file: file } } });
  const config = withTls(certificates.server.cert);
  const now = Date.now();
  expect(certificateConditions(config, now, 30)).toMatchObject([{ subject: 'admin', severity: 'critical' }]);
  expect(certificateConditions(config, now, 1)).toEqual([]);
  expect(certificateConditions(config, now, 0)).toEqual([]);
  expect(certificateConditions(withTls(join(harness.folder, 'broken.pem')), now, 30)).toEqual([]);
});

test('a job whose log is not whole is named by its run, or by its timeline where nobody knows that', () => {
  const timeline = '11111111-2222-3333-4444-555555555555';
  const message = {
    timeline,
    jobRecord: timeline,
    jobName: 'build',
    steps: [],
    github: { repository: 'acme/web', run_id: '17' },
  };
  expect(incompleteRun({ message, timeline, verdict: 'gaps' }).message).toBe(
    'the log of acme/web, run 17, build is not all there: gaps',
  );
  expect(incompleteRun({ message: undefined, timeline, verdict: 'unmapped' }).subject).toContain(timeline);
});
