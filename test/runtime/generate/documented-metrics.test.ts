import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { documentedMetrics } from '../../../relay/runtime/generate/documented-metrics.ts';
import { metricsPage } from '../../../relay/telemetry/metrics-page.ts';

test('docs/metrics.md is what the program says now; else run "npm run docs"', async () => {
  const documented = await documentedMetrics();

  expect(readFileSync('docs/metrics.md', 'utf8')).toBe(metricsPage(documented));
  expect(documented.length).toBeGreaterThan(20);
});

test('every metric is named as metrics are, and says what it is in a sentence', async () => {
  for (const { name, kind, help } of await documentedMetrics()) {
    expect(name).toMatch(/^spillway(_[a-z]+)+$/);
    expect(name.endsWith('_total')).toBe(kind === 'counter');
    expect(help).toMatch(/^[A-Z1].*\.$/);
  }
});
