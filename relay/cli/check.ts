import { formatProblem, type Problem } from '../config/problem.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode, jsonOption, wholeNumber } from './command.ts';
import { tryCommandConfig } from './config-file.ts';
import { configFile } from './default-config.ts';
import type { Check, Finding } from './checks/check.ts';
import { checks } from './checks/checks.ts';
import { printable, table } from './terminal.ts';

export const checkCommand = defineCommand({
  name: 'check',
  summary: 'Looks for everything that would be wrong with a start, and changes nothing.',
  notes: [
    'Reads the config and tells every problem in it, with line and column. Where it is valid, looks at the files it names, at ' +
      'certificates and at the data folder, and with --connect connects to every endpoint, sending no record, and compares clocks.',
    'Ends with 1 when it finds a problem. Warnings alone do not count.',
  ],
  examples: ['check', 'check --config /etc/spillway/config.yaml --connect', 'check --json'],
  options: {
    ...configOption,
    connect: { type: 'boolean', description: 'Connects to every endpoint.' },
    keeper: { type: 'boolean', description: 'Looks also at what a keeper beside a runner needs of this machine.' },
    'timeout-ms': { type: 'string', value: 'N', description: 'How long to wait for each endpoint. Default: 5000.' },
    ...jsonOption,
  },
  async run({ options }, context) {
    const timeoutMs = wholeNumber('timeout-ms', options['timeout-ms'], { fallback: 5_000, least: 1, most: 600_000 });
    const file = configFile(options.config, context);
    const { config, problems } = await tryCommandConfig(file, context);
    const findings: NamedFinding[] =
      config === undefined
        ? problems.map((problem) => ({ check: 'config', outcome: 'problem', message: formatProblem(problem), problem }))
        : [
            { check: 'config', outcome: 'ok', message: summarize(file, config) },
            ...(await runChecks(checks, {
              config,
              context,
              connect: options.connect === true,
              keeper: options.keeper === true,
              timeoutMs,
            })),
          ];
    return report(findings, options.json === true, context);
  },
});

interface NamedFinding extends Finding {
  readonly check: string;
  readonly problem?: Problem;
}

/** Runs the checks in turn. */
async function runChecks(list: readonly Check[], subject: Parameters<Check['run']>[0]): Promise<NamedFinding[]> {
  const findings: NamedFinding[] = [];
  for (const check of list) {
    for (const finding of await check.run(subject)) findings.push({ check: check.name, ...finding });
  }
  return findings;
}

function summarize(
  file: string,
  config: { readonly inputs: readonly unknown[]; readonly endpoints: readonly unknown[] },
): string {
  const count = (things: readonly unknown[], name: string): string =>
    `${things.length} ${name}${things.length === 1 ? '' : 's'}`;
  return `${file} is valid: ${count(config.inputs, 'input')}, ${count(config.endpoints, 'endpoint')}`;
}

function report(findings: readonly NamedFinding[], asJson: boolean, { stdout }: CommandContext): ExitCode {
  const isOk = findings.every(({ outcome }) => outcome !== 'problem');
  if (asJson) {
    const plain = findings.map(({ problem, ...finding }) => {
      if (problem === undefined) return finding;
      const { file, line, column, path, message } = problem;
      return { ...finding, file, line, column, path, message };
    });
    stdout.write(`${JSON.stringify({ ok: isOk, findings: plain }, null, 2)}\n`);
  } else if (findings.every(({ check, outcome }) => check === 'config' && outcome === 'problem')) {
    // As compilers print them, so that editors can jump to them.
    stdout.write(findings.map(({ message }) => `${printable(message)}\n`).join(''));
  } else {
    stdout.write(table(findings.map(({ outcome, message }) => [outcome, printable(message)])));
  }
  return isOk ? 0 : 1;
}
