import { connect } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { inputConditions } from '../../relay/runtime/alert-conditions.ts';
import { RelayHarness } from '../support/relay-harness.ts';

const line =
  '<6>2026-11-22T02:41:36Z h audit[1]: 2026-11-22T02:41:36Z [INFO] [/pkg/audit/manager.go:82][operator="admin" resourceType="project" ' +
  'time="2026-11-22 02:41:36.5 +0000 UTC m=+0.1"]: action:create, resource:team-a\n';

test('a Harbor that falls silent shows in the log, the status, the metrics and the health, until it speaks again', async () => {
  await using running = await RelayHarness.start({
    inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0', harbor: { silence_warning_ms: 300 } } },
    endpoints: { e: { type: 'memory' } },
  });
  const { relay } = running;
  const speak = async (): Promise<void> => {
    const socket = connect(running.port('a'), '127.0.0.1');
    socket.end(line);
    await once(socket.resume(), 'close');
  };
  expect((await relay.status()).inputs[0]!.harbor).toBeUndefined();

  await speak();
  await expect
    .poll(() => relay.degradations)
    .toEqual([expect.stringMatching(/^Harbor has sent nothing to input a since 20/)]);
  expect((await relay.status()).inputs[0]!.harbor).toMatchObject({ records: 1, silent: true });
  expect((await running.metrics.text()).body).toContain('spillway_input_harbor_silent{input="a"} 1');
  expect(running.loggedAt('warn')).toContain('Harbor has fallen silent; its audit lines may be getting lost');

  const { source_silent: alerts } = inputConditions(relay, new Map(), relay.config.alerts);
  expect(alerts).toMatchObject([{ subject: 'a', severity: 'warning' }]);

  await speak();
  await expect.poll(() => running.loggedAt('warn')).toContain('Harbor speaks again');
  expect((await running.metrics.text()).body).toContain('spillway_input_harbor_records_total{input="a"} 2');
});

test('a reload that changes the input does not forget that a Harbor has spoken', async () => {
  const config = (silenceMs: number): object => ({
    inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0', harbor: { silence_warning_ms: silenceMs } } },
    endpoints: { e: { type: 'memory' } },
  });
  await using running = await RelayHarness.start(config(0));
  const socket = connect(running.port('a'), '127.0.0.1');
  socket.end(line);
  await once(socket.resume(), 'close');
  await expect.poll(() => running.relay.inputs.get('a')?.counters.harbor.records).toBe(1);

  await running.reload(config(200));

  await expect.poll(() => running.relay.inputs.get('a')?.counters.harbor.silent).toBe(true);
});
