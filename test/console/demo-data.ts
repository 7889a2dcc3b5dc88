import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillJournal } from '../crash/purge-fill.ts';
import { HarborSender } from '../sim/harbor/harbor-sender.ts';
import { Chance } from '../sim/runner/chance.ts';
import type { AdminHarness } from '../support/admin-harness.ts';
import { JOB, type ScriptedStep } from '../support/runner-log.ts';
import { idsOf, sendJob } from '../support/sent-jobs.ts';

// What a site of three teams may look like on a Tuesday, for pictures.

export const demoConfig = {
  name: 'relay-1',
  inputs: {
    runners: { type: 'http', listen: 'http://127.0.0.1:0' },
    harbor: { type: 'syslog', listen: 'tcp://127.0.0.1:0' },
    machines: { type: 'syslog', listen: 'tcp://127.0.0.1:0' },
  },
  endpoints: {
    siem: { type: 'memory', down_after_ms: 2_000 },
    loginsight: { type: 'memory' },
    archive: { type: 'memory' },
  },
  retention: {
    rules: [
      { name: 'pulls', match: { dataset: 'harbor.audit', operation: 'pull_*' }, keep_hours: 24 },
      { name: 'runners', match: { dataset: 'github.runner' }, keep_hours: 2_160 },
      { name: 'everything', keep_hours: 8_760 },
    ],
    schedule: '0 0 3 * * *',
    load_percent: 100,
  },
  runs: { attribution_wait_ms: 200, identity_wait_ms: 200 },
};

const OLD_RECORDS = 52_000;

/** What the relay has from its life before: Harbor's records of two days ago, and an hour of charts. */
export function fillOldLife(folder: string): void {
  fillJournal(join(folder, 'data'), OLD_RECORDS, 'archive');
  const stepMs = 10_000;
  const chance = new Chance(7);
  const hour = (at: (n: number) => number): number[] => Array.from({ length: 360 }, (_, n) => Math.max(0, at(n)));
  const noise = (): number => chance.fraction();
  const runners = hour((n) => (n % 45 < 14 ? 60 + 50 * noise() : 8 * noise()));
  const harbor = hour((n) => 9 + 5 * noise() + 3 * Math.sin(n / 40));
  const machines = hour((n) => 78 + 22 * Math.sin(n / 28) + 14 * noise());
  const all = hour((n) => runners[n]! + harbor[n]! + machines[n]!);
  const series = {
    'intake/runners': runners,
    'intake/harbor': harbor,
    'intake/machines': machines,
    'delivered/siem': all,
    'delivered/loginsight': all,
    'delivered/archive': all,
    'backlog/siem': hour(() => 30 * noise()),
    'backlog/loginsight': hour(() => 30 * noise()),
    'backlog/archive': hour(() => 10 * noise()),
    'journal/file_bytes': hour((n) => 30_000_000 + 9_000 * n),
  };
  const lastStep = Math.floor(Date.now() / stepMs) - 1;
  writeFileSync(join(folder, 'data', 'charts.json'), JSON.stringify({ version: 1, spans: [{ lastStep, series }] }));
}

const ESC = '\u001b';

const TESTS: readonly string[] = [
  '##[group]Run npm test',
  'npm test',
  '##[endgroup]',
  '',
  '> checkout@4.12.0 test',
  '> vitest run',
  '',
  ...['cart/price', 'cart/coupon', 'cart/tax', 'stock/reserve', 'mail/receipt', 'auth/session'].map(
    (file, n) => ` ${ESC}[32m✓${ESC}[0m src/${file}.test.ts (${8 + n * 3} tests) ${120 + n * 37}ms`,
  ),
  ` ${ESC}[31m✗${ESC}[0m src/payment/gateway.test.ts (9 tests | ${ESC}[31m1 failed${ESC}[0m) 5012ms`,
  `   ${ESC}[31m→ answers within a second${ESC}[0m`,
  `   ${ESC}[31mError: timeout of 5000 ms: no answer from payments.corp:8443${ESC}[0m`,
  '',
  ` Tests  ${ESC}[31m1 failed${ESC}[0m | ${ESC}[32m84 passed${ESC}[0m (85)`,
  '##[warning]The cache was not saved: the job failed',
  '##[error]Process completed with exit code 1.',
];

function scriptOf(failed: boolean): readonly ScriptedStep[] {
  return [
    {
      record: JOB.setUp,
      second: 0,
      messages: [
        "Current runner version: '2.336.0'",
        '##[group]Runner Image',
        'Image: ubuntu-24.04',
        '##[endgroup]',
        'Prepare all required actions',
      ],
    },
    {
      record: JOB.steps[0].record,
      second: 1,
      messages: [
        '##[group]Run actions/checkout@v4',
        'with:',
        '  fetch-depth: 1',
        '##[endgroup]',
        'Syncing repository',
        "HEAD is now at 3f9c2ab Keep the receipt's time zone",
      ],
    },
    {
      record: JOB.steps[1].record,
      second: 3,
      messages: failed ? TESTS : TESTS.filter((line) => !/31m|##\[(error|warning)/.test(line)),
    },
    { record: JOB.complete, second: 7, messages: ['Cleaning up orphan processes'] },
  ];
}

const REPOSITORIES = [
  'shop/checkout',
  'shop/catalog',
  'platform/images',
  'data/etl',
  'shop/checkout',
  'platform/terraform',
];
const ACTORS = ['mona', 'j.doe', 'renovate[bot]', 'a.silva'];
const SENTENCES = [
  'connection from 10.2.7.14 accepted',
  'upstream timeout after 5000 ms: payments.corp:8443',
  'certificate of ldap.corp ends in 21 days',
  'session opened for user deploy by (uid=0)',
  'slow query: 1.8 s on orders',
  'health check passed',
];

/** Fills the relay, and goes on sending for a while so that there is something to see over time. */
export async function fillDemo(admin: AdminHarness, watchedMs: number): Promise<void> {
  const { relay } = admin;
  relay.memory.at('siem').trouble = 'connect ECONNREFUSED 10.2.0.9:5044';
  for (let number = 1; number <= 12; number++) await sendDemoJob(admin, number);
  const job = idsOf(2);
  const hold = JSON.stringify({ why: 'incident 2026-117', repository: 'shop/checkout', run: '5102' });
  const token = admin.tokens.get('auditor');
  await admin.ask({ method: 'POST', path: '/api/v1/retention/holds', token, body: hold });
  await waitFor(
    async () => (await admin.ask({ path: `/api/v1/jobs/${job.timeline}/${job.record}`, token })).status === 200,
  );
  await dryRun(admin);
  await watchADay(admin, watchedMs);
}

async function sendDemoJob({ relay }: AdminHarness, number: number): Promise<void> {
  const failed = number % 5 === 2;
  const pick = <T>(list: readonly T[]): T => list[(number - 1) % list.length]!;
  await sendJob(relay.port('runners'), {
    number,
    // The second is the newest, so that it heads the list.
    startMs: Date.now() - (number === 2 ? 0 : number) * 1_140_000 - 120_000,
    github: {
      repository: number === 2 ? 'shop/checkout' : pick(REPOSITORIES),
      run_id: String(5_100 + number),
      run_number: String(240 + number),
      workflow: number === 2 ? 'test and build' : pick(['test and build', 'nightly', 'release']),
      actor: pick(ACTORS),
      sha: `3f9c2ab${'8d04e1'.repeat(6)}`.slice(0, 40),
    },
    replaced: {
      '"build"': `"${pick(['test (node 24)', 'build', 'lint'])}"`,
      ...(failed ? {} : { "result 'Failed'": "result 'Succeeded'", 'finish: Failed': 'finish: Succeeded' }),
    },
    script: scriptOf(failed),
  });
}

async function dryRun(admin: AdminHarness): Promise<void> {
  const token = admin.tokens.get('operator');
  await admin.ask({ method: 'POST', path: '/api/v1/retention/dry-run', token, body: '{}' });
  await waitFor(async () =>
    (await admin.ask({ path: '/api/v1/retention/runs?limit=1', token })).body.includes('"state":"done"'),
  );
}

async function watchADay({ relay }: AdminHarness, watchedMs: number): Promise<void> {
  using harbor = new HarborSender(relay.port('harbor'), new Chance(2));
  const socket = connect(relay.port('machines'), '127.0.0.1');
  await once(socket, 'connect');
  const chance = new Chance(5);
  const startMs = Date.now();
  for (let round = 0; Date.now() - startMs < watchedMs; round++) {
    if (Date.now() - startMs > watchedMs / 2) relay.memory.at('siem').behaviour = 'fail';
    for (let n = 0; n < 3; n++) await harbor.send();
    const machines = Array.from({ length: 20 + Math.round(15 * Math.sin(round / 12)) }, (_, n) => {
      const at = new Date(Date.now() - (n % 7) * 1_000_000).toISOString();
      const host = chance.pick(['web-1', 'web-2', 'db-1', 'ldap-1']);
      return `<${chance.pick(['14', '12', '30'])}>1 ${at} ${host} ${chance.pick(['nginx', 'sshd', 'postgres'])} - - - ${chance.pick(SENTENCES)}\n`;
    });
    socket.write(machines.join(''));
    await sleep(250);
  }
  socket.end();
}

async function waitFor(done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await done()); tries++) {
    if (tries > 200) throw new Error('the relay is not getting ready');
    await sleep(100);
  }
}
