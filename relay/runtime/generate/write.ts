// `npm run docs`: writes the page of metrics.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { metricsPage } from '../../telemetry/metrics-page.ts';
import { documentedMetrics } from './documented-metrics.ts';

const page = fileURLToPath(new URL('../../../docs/metrics.md', import.meta.url));
writeFileSync(page, metricsPage(await documentedMetrics()));
