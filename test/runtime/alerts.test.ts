import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AdminHarness } from '../support/admin-harness.ts';
import { RelayHarness } from '../support/relay-harness.ts';

const INPUTS = { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } };

interface Posted {
  readonly phase: string;
  readonly kind: string;
  readonly subject: string;
  readonly relay: string;
}

async function webhook() {
  const posted: Posted[] = [];
  const authorizations: (string | undefined)[] = [];
  let failures = 1;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      authorizations.push(request.headers.authorization);
      if (failures-- > 0) return response.writeHead(500).end();
      posted.push(JSON.parse(body) as Posted);
      return response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { posted, authorizations, url: `http://127.0.0.1:${port}/hook?team=ops`, close: () => server.close() };
}

test('an endpoint that goes down is told by webhook, syslog, record, metric and API, and so is its end', async () => {
  const hook = await webhook();
  const pager = createSocket('udp4');
  const paged: string[] = [];
  pager.on('message', (message) => paged.push(message.toString()));
  pager.bind(0, '127.0.0.1');
  await once(pager, 'listening');
  const harness = await RelayHarness.start({
    inputs: INPUTS,
    endpoints: {
      good: { type: 'memory' },
      bad: { type: 'memory', backoff_min_ms: 1, backoff_max_ms: 5, down_after_ms: 0 },
    },
    alerts: { webhook: { url: hook.url }, syslog_url: `udp://127.0.0.1:${pager.address().port}` },
  });
  try {
    harness.memory.at('bad').behaviour = 'fail';
    await harness.send('a', 'one');
    const look = () => harness.relay.look();
    await expect
      .poll(async () => (await look(), harness.relay.alerts!.active.map(({ id }) => id)))
      .toEqual(['endpoint_down/bad']);
    expect((await harness.metrics.text()).body).toContain('spillway_alerts{kind="endpoint_down"} 1');
    harness.memory.at('bad').behaviour = 'take';
    await expect.poll(async () => (await look(), harness.relay.alerts!.active)).toEqual([]);

    await expect
      .poll(() => hook.posted.map(({ phase, kind, subject }) => `${phase} ${kind} ${subject}`), { timeout: 15_000 })
      .toEqual(['began endpoint_down bad', 'ended endpoint_down bad']);
    await expect.poll(() => paged.length, { timeout: 10_000 }).toBe(2);
    expect(paged[0]).toMatch(/^<10>1 .* spillway .*endpoint_down began: endpoint bad is down: nobody answers$/);
    expect(paged[1]).toMatch(/^<13>1 .*endpoint_down ended/);
    await expect
      .poll(() => harness.memory.at('good').lines.filter((line) => line.includes('"dataset":"spillway.alert"')))
      .toHaveLength(2);
    expect(
      harness.loggedAt('warn').filter((message) => message === 'an alert began'),
      'the log has it already',
    ).toEqual([]);
  } finally {
    await harness[Symbol.asyncDispose]();
    hook.close();
    pager.close();
  }
}, 20_000);

test('a webhook is shown the token, and never follows to another place', async () => {
  const hook = await webhook();
  const harness = await RelayHarness.start({ inputs: INPUTS, endpoints: { e: { type: 'memory' } } });
  try {
    const file = join(harness.folder, 'token');
    writeFileSync(file, 'open sesame\n');
    await harness.reload({
      inputs: INPUTS,
      endpoints: { e: { type: 'memory' } },
      alerts: { webhook: { url: hook.url, token_file: file } },
    });
    harness.relay.alerts!.happened('purge_failed', { subject: '1', severity: 'critical', message: 'it failed' });
    await expect.poll(() => hook.posted.length, { timeout: 5_000 }).toBe(1);
    expect(hook.authorizations).toEqual(['Bearer open sesame', 'Bearer open sesame']);
  } finally {
    await harness[Symbol.asyncDispose]();
    hook.close();
  }
});

test('a person sees what is wrong, and puts away what is over', async () => {
  const admin = await AdminHarness.start({ inputs: INPUTS, endpoints: { e: { type: 'memory' } } });
  try {
    const { alerts } = admin.relay.relay;
    alerts!.happened('purge_failed', { subject: '1', severity: 'critical', message: 'it failed' });
    const token = admin.tokens.get('operator');
    const seen = await admin.ask({ path: '/api/v1/alerts', token });
    expect(JSON.parse(seen.body)).toMatchObject({ alerts: [{ id: 'purge_failed/1', endsByItself: false }] });
    const acknowledge = (id: string) =>
      admin.ask({ method: 'POST', path: '/api/v1/alerts/acknowledge', token, body: JSON.stringify({ id }) });
    expect((await acknowledge('purge_failed/1')).status).toBe(200);
    expect((await acknowledge('purge_failed/1')).status).toBe(404);
    expect(alerts!.active).toEqual([]);
  } finally {
    await admin[Symbol.asyncDispose]();
  }
});
