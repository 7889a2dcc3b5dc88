import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { RelayHarness } from '../support/relay-harness.ts';

const token = `ghp_${'aB3dE5gH7jK9'.repeat(3)}`;

test('a relay stores and sends no secret, counts by rule, tells nobody what it looks for, and takes changes over', async () => {
  const inputs = { edge: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } };
  const endpoints = { siem: { type: 'memory' } };
  await using harness = await RelayHarness.start({
    inputs,
    endpoints,
    redact: [{ literals: [{ name: 'door', value: 'open-sesame' }] }],
  });
  const { memory, relay } = harness;
  await harness.send('edge', `one ${token}`, 'two open-sesame');
  await vi.waitFor(() => expect(memory.at('siem').messages).toEqual(['one ***', 'two ***']));

  const told = JSON.stringify(await relay.status()) + (await harness.metrics.text()).body;
  expect(told).toContain('spillway_redact_masked_places_total{rule="literal:door"} 1');
  expect(told).not.toContain('sesame');

  writeFileSync(join(harness.folder, 'more'), 'another-secret\n');
  const literals = [{ name: 'more', value_file: './more' }];
  const { changes } = await harness.reload({ inputs, endpoints, redact: [{ shapes: [], literals }] });
  expect(changes).toMatchObject([{ part: 'setting', name: 'redact', takesEffect: 'live' }]);
  expect(JSON.stringify(changes)).not.toContain('sesame');
  await harness.send('edge', 'three open-sesame another-secret');
  await vi.waitFor(() => expect(memory.at('siem').messages.at(-1)).toBe('three open-sesame ***'));

  const broken = { inputs: {}, endpoints, redact: [{ literals: [{ name: 'x', value_file: './missing' }] }] };
  await expect(harness.reload({ ...broken, inputs })).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  await harness.send('edge', 'four another-secret');
  await vi.waitFor(() => expect(memory.at('siem').messages.at(-1)).toBe('four ***'));
});
