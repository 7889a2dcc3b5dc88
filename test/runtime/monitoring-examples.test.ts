import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { alertKinds } from '../../relay/alerts/options.ts';

const documented = new Set(
  [...readFileSync('docs/metrics.md', 'utf8').matchAll(/`(spillway_\w+)`/g)].map(([, name]) => name),
);

/** The names of metrics in a text, without the endings that Prometheus gives a histogram's parts. */
function metricsIn(text: string): string[] {
  return [...text.matchAll(/\bspillway_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''));
}

test('the rules and the dashboard ask for metrics that there are', () => {
  const rules = readFileSync('docs/monitoring/prometheus-rules.yaml', 'utf8');
  const { groups } = parse(rules) as { groups: { rules: { expr: string }[] }[] };
  const asked = groups.flatMap((group) => group.rules.flatMap(({ expr }) => metricsIn(expr)));
  const dashboard = JSON.parse(readFileSync('docs/monitoring/grafana-dashboard.json', 'utf8')) as {
    panels: { targets: { expr: string }[] }[];
  };
  asked.push(...dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsIn(expr))));

  expect(asked.length).toBeGreaterThan(12);
  expect(asked.filter((name) => !documented.has(name))).toEqual([]);
});

test('every kind of alert is explained', () => {
  const page = readFileSync('docs/alerts.md', 'utf8');
  expect(alertKinds.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([]);
});
