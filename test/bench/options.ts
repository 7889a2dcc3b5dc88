import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const CASES = ['throughput', 'outage', 'udp', 'latency', 'startup'] as const;
export type Case = (typeof CASES)[number];

export interface BenchOptions {
  readonly cases: readonly Case[];
  /** Names of contenders; empty means all. */
  readonly only: readonly string[];
  readonly repeats: number;
  readonly records: number;
  readonly outageRecords: number;
  readonly latencySeconds: number;
  readonly udpRates: readonly number[];
  readonly udpSeconds: number;
  readonly relayMain: string;
  /** The program of Fluent Bit; undefined: the one on the path, if there is one. */
  readonly fluentBit: string | undefined;
  readonly directory: string;
  readonly out: string;
  readonly baseline: boolean;
}

export const HELP = `npm run bench -- [options]

Runs the relay and its peers side by side on this machine, and prints medians.

  --case LIST        of ${CASES.join(', ')} (default: all)
  --only LIST        of contenders, for example relay,rsyslog-memory (default: all there are)
  --quick            one repeat of a small run: shows that it works, not how fast
  --repeats N        runs of each measurement, taken in turns (default: 5)
  --records N        records of a throughput run (default: 2000000)
  --relay FILE       what starts the relay (default: dist/main.js, else relay/main.ts)
  --fluent-bit FILE  Fluent Bit's program (default: FLUENT_BIT, else the one on the path)
  --directory DIR    where journals and queues go: on the disk to be measured (default: .cache/bench)
  --out FILE         where the figures go as JSON (default: .cache/bench/result.json)
  --baseline         also write test/bench/baseline.json
  --help
`;

/** Reads the command line; a string says what is wrong with it, or is the help that was asked for. */
export function readOptions(args: readonly string[]): BenchOptions | string {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = { case: text, only: text, repeats: text, records: text, relay: text, directory: text, out: text };
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, 'fluent-bit': text, quick: flag, baseline: flag, help: flag },
    });
    if (values.help) return HELP;
    const cases = list(values.case);
    const unknown = cases.find((name) => !isCase(name));
    if (unknown !== undefined) return `there is no case "${unknown}"; there are ${CASES.join(', ')}`;
    const { quick } = values;
    const records = Number(values.records ?? (quick ? 200_000 : 2_000_000));
    return {
      cases: cases.length === 0 ? CASES : cases.filter(isCase),
      only: list(values.only),
      repeats: Number(values.repeats ?? (quick ? 1 : 5)),
      records,
      outageRecords: quick ? 100_000 : Math.min(records, 1_000_000),
      latencySeconds: quick ? 3 : 20,
      udpRates: quick ? [50_000] : [50_000, 100_000, 200_000, 300_000, 400_000],
      udpSeconds: quick ? 2 : 5,
      relayMain: resolve(values.relay ?? (existsSync('dist/main.js') ? 'dist/main.js' : 'relay/main.ts')),
      fluentBit: values['fluent-bit'] ?? process.env['FLUENT_BIT'],
      directory: values.directory ?? '.cache/bench',
      out: values.out ?? '.cache/bench/result.json',
      baseline: values.baseline,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isCase(name: string): name is Case {
  return CASES.some((known) => known === name);
}

function list(text: string | undefined): string[] {
  return text?.split(',').filter((part) => part !== '') ?? [];
}
