import type { MetricDocument } from './metrics.ts';

/** `docs/metrics.md`, in the order of the names. */
export function metricsPage(documented: readonly MetricDocument[]): string {
  const rows = documented
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, kind, labels, help }) => {
      const labelled = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${kind} | ${labelled} | ${help.replaceAll('|', '\\|')} |\n`;
    });
  return [
    '<!-- Generated from the program by "npm run docs". Change it there. -->\n',
    '# Metrics\n',
    '`GET /metrics` of the admin API, in the format of Prometheus. Beside these there are those that every program in Node has',
    '(`process_*`, `nodejs_*`). Labels come from the config and from closed sets, never from records.\n',
    `| Metric | Kind | Labels | What it is |\n| --- | --- | --- | --- |\n${rows.join('')}`,
  ].join('\n');
}
