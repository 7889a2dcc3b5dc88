import type { Config } from '../../relay/config/config.ts';
import { readConfig } from '../../relay/config/load.ts';
import { formatProblem } from '../../relay/config/problem.ts';
import type { Environment } from '../../relay/config/secrets.ts';
import { fakeRegistry } from './fake-components.ts';

/** The problems of a config text over the small components, as an operator would see them. */
export function problemsOf(text: string, environment: Environment = {}): string[] {
  return read(text, environment).problems.map(formatProblem);
}

/** The config of a text that is meant to be right. */
export function configOf(text: string, environment: Environment = {}): Config {
  const { config, problems } = read(text, environment);
  if (config === undefined) throw new Error(problems.map(formatProblem).join('\n'));
  return config;
}

/** An input that every config needs, for texts that are about something else. */
export const oneInput = `inputs: { edge: { type: syslog, listen: 'tcp://0.0.0.0:5514' } }\n`;

function read(text: string, environment: Environment) {
  return readConfig({ file: 'config.yaml', folder: '/etc/spillway', text, environment, registry: fakeRegistry });
}
