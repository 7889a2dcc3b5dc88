import { expect, test } from 'vitest';
import { Metrics } from '../../relay/telemetry/metrics.ts';

async function linesOf(metrics: Metrics): Promise<string[]> {
  return (await metrics.text()).body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('a counter shows what is read at the time of the scrape, not the sum of all scrapes', async () => {
  const metrics = new Metrics();
  let value = 5;
  metrics.counter('spillway_input_records_total', 'Records.', ['input'], () => [{ labels: { input: 'edge' }, value }]);
  expect(await linesOf(metrics)).toEqual(['spillway_input_records_total{input="edge"} 5']);
  expect(await linesOf(metrics)).toEqual(['spillway_input_records_total{input="edge"} 5']);
  value = 7;
  expect(await linesOf(metrics)).toEqual(['spillway_input_records_total{input="edge"} 7']);
});

test('what is there no more is shown no more', async () => {
  const metrics = new Metrics();
  let names = ['a', 'b'];
  const read = () => names.map((endpoint) => ({ labels: { endpoint }, value: 1 }));
  metrics.gauge('spillway_gauge', 'One.', ['endpoint'], async () => read());
  metrics.counter('spillway_counter_total', 'Two.', ['endpoint'], read);
  expect(await linesOf(metrics)).toHaveLength(4);
  names = ['b'];
  expect(await linesOf(metrics)).toEqual(['spillway_gauge{endpoint="b"} 1', 'spillway_counter_total{endpoint="b"} 1']);
});

test('a label cannot forge a line', async () => {
  const metrics = new Metrics();
  metrics.gauge('spillway_gauge', 'One.', ['endpoint'], () => [{ labels: { endpoint: 'a"}\nup 0\\' }, value: 1 }]);
  expect(await linesOf(metrics)).toEqual(['spillway_gauge{endpoint="a\\"}\\nup 0\\\\"} 1']);
});

test('a histogram counts what was observed', async () => {
  const metrics = new Metrics();
  const observe = metrics.histogram('spillway_age_seconds', 'Age.', ['endpoint'], [1, 10]);
  for (const age of [0.5, 5, 50]) observe({ endpoint: 'siem' }, age);

  expect(await linesOf(metrics)).toEqual([
    'spillway_age_seconds_bucket{le="1",endpoint="siem"} 1',
    'spillway_age_seconds_bucket{le="10",endpoint="siem"} 2',
    'spillway_age_seconds_bucket{le="+Inf",endpoint="siem"} 3',
    'spillway_age_seconds_sum{endpoint="siem"} 55.5',
    'spillway_age_seconds_count{endpoint="siem"} 3',
  ]);
});

test('every metric is documented, with its labels', () => {
  const metrics = new Metrics();
  metrics.counter('a_total', 'A.', ['input'], () => []);
  metrics.gauge('b', 'B.', [], () => []);
  metrics.histogram('c_seconds', 'C.', ['endpoint'], [1]);
  expect(metrics.documented.map(({ name, kind, labels }) => [name, kind, ...labels])).toEqual([
    ['a_total', 'counter', 'input'],
    ['b', 'gauge'],
    ['c_seconds', 'histogram', 'endpoint'],
  ]);
});
