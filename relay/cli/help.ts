import { wrap } from '../config/wrap.ts';
import type { Command, CommandOption } from './command.ts';
import { table } from './terminal.ts';

const WIDTH = 100;

/** `spillway --help`. */
export function programHelp(commands: readonly Command[]): string {
  return [
    'spillway relays the logs of GitHub Enterprise Server, its runners and Harbor, and keeps them.\n',
    'Usage: spillway COMMAND [OPTIONS]\n',
    table(commands.map(({ name, summary }) => [`  ${name}`, summary])),
    table([
      ['  -h, --help', 'Prints this, or with a command what that command takes.'],
      ['  --version', 'Prints the version.'],
    ]),
    'Exit codes: 0 all is well, 1 a problem was found, 2 the command line is wrong.\n',
  ].join('\n');
}

/** `spillway COMMAND --help`. */
export function commandHelp(command: Command): string {
  const { name, summary, operands, notes, examples, options } = command;
  const parts = [`Usage: spillway ${name} [OPTIONS]${operands === undefined ? '' : ` ${operands}`}\n`, `${summary}\n`];
  for (const note of notes) parts.push(`${wrap(note, WIDTH)}\n`);
  parts.push(
    table([
      ...Object.entries(options).map(([option, spec]) => [`  ${optionUsage(option, spec)}`, spec.description]),
      ['  -h, --help', 'Prints this.'],
    ]),
  );
  if (examples.length > 0) parts.push(`Examples:\n${examples.map((line) => `  spillway ${line}\n`).join('')}`);
  return parts.join('\n');
}

function optionUsage(name: string, { short, value, multiple }: CommandOption): string {
  const prefix = short === undefined ? '' : `-${short}, `;
  return `${prefix}--${name}${value === undefined ? '' : ` ${value}`}${multiple === true ? ' ...' : ''}`;
}
