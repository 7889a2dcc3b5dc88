import type { Contender } from './contenders/contender.ts';
import { medians, type Figures } from './figures.ts';
import { figure, table } from './table.ts';

/** What a case found, contender by contender. */
export interface CaseResult {
  readonly title: string;
  readonly rows: Readonly<Record<string, Row>>;
}

interface Row {
  readonly median: Figures;
  readonly runs: readonly Figures[];
  /** Why a run gave no figures. */
  readonly failures: readonly string[];
}

/** Measures all in turns, A B C A B C, so that whatever else the machine does falls on everyone alike. */
export async function runCase(
  title: string,
  contenders: readonly Contender[],
  repeats: number,
  measure: (contender: Contender) => Promise<object>,
): Promise<CaseResult> {
  const runs = new Map(contenders.map(({ name }) => [name, { figures: [] as Figures[], failures: [] as string[] }]));
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const contender of contenders) {
      process.stderr.write(`${title}: ${contender.name} ${repeat}/${repeats}\n`);
      const run = runs.get(contender.name);
      try {
        run?.figures.push({ ...(await measure(contender)) });
      } catch (error) {
        run?.failures.push(error instanceof Error ? error.message : String(error));
        process.stderr.write(`  failed: ${run?.failures.at(-1)}\n`);
      }
    }
  }
  const rows = [...runs].map(([name, { figures, failures }]) => [
    name,
    { median: medians(figures), runs: figures, failures },
  ]);
  return { title, rows: Object.fromEntries(rows) };
}

/** The medians as a table; where the relay took part, with its ratio to each peer in the figures named. */
export function render({ title, rows }: CaseResult, ratiosOf: readonly string[]): string {
  const named = Object.entries(rows);
  const names = Object.keys(named.find(([, row]) => row.runs.length > 0)?.[1].median ?? {});
  const relay = rows['relay']?.median;
  const ratios = relay === undefined ? [] : ratiosOf;
  const header = [title, ...names, ...ratios.map((name) => `relay ÷ peer: ${name}`)];
  const lines = named.map(([contender, { median, runs, failures }]) => [
    `${contender}${failures.length > 0 ? ` (${failures.length} of ${failures.length + runs.length} failed)` : ''}`,
    ...names.map((name) => figure(median[name])),
    ...ratios.map((name) =>
      contender === 'relay' ? '' : figure((relay?.[name] ?? Number.NaN) / (median[name] ?? Number.NaN)),
    ),
  ]);
  return table(header, lines);
}
