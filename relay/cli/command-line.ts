import { parseArgs } from 'node:util';
import { suggest } from '../config/suggest.ts';
import { describeError, RelayError } from '../errors.ts';
import type { Command, CommandContext, ExitCode, Invocation } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { printable } from './terminal.ts';

/**
 * Finds the command, reads its options, runs it, and prints what went wrong. Never rejects but for a mistake in the program
 * itself, which is printed with its stack.
 */
export async function runCommand(
  commands: readonly Command[],
  words: readonly string[],
  context: CommandContext,
): Promise<ExitCode> {
  const { stdout, stderr } = context;
  try {
    const [name, ...rest] = words;
    if (name === undefined) {
      stderr.write(programHelp(commands));
      return 2;
    }
    if (name === '--version' || name === '-V') {
      stdout.write(`${context.version}\n`);
      return 0;
    }
    const wantsHelp = name === '--help' || name === '-h' || name === 'help';
    const topic = wantsHelp ? rest[0] : name;
    if (topic === undefined) {
      stdout.write(programHelp(commands));
      return 0;
    }
    const command = findCommand(commands, topic);
    const invocation = wantsHelp ? 'help' : parseInvocation(command, rest);
    if (invocation === 'help') {
      stdout.write(commandHelp(command));
      return 0;
    }
    return await command.run(invocation, context);
  } catch (error) {
    return explain(error, context);
  }
}

function findCommand(commands: readonly Command[], name: string): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = commands.map((command) => command.name);
  const meant = suggest(name, names);
  throw new RelayError(
    'USAGE',
    name.startsWith('-')
      ? `the first word must be a command, not ${JSON.stringify(name)}: ${names.join(', ')}`
      : `there is no command ${JSON.stringify(name)} — ${meant === undefined ? `the commands are ${names.join(', ')}` : `did you mean "${meant}"?`}`,
  );
}

function parseInvocation({ name, operands, options }: Command, words: readonly string[]): Invocation | 'help' {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    if (values['help'] === true) return 'help';
    if (operands === undefined && positionals.length > 0)
      throw new Error(`it takes no ${JSON.stringify(positionals[0])}; options begin with "--"`);
    const { help: _, ...given } = values;
    return { options: given, operands: positionals };
  } catch (cause) {
    throw new RelayError(
      'USAGE',
      `${name}: ${usageMessage(cause, Object.keys(options))}; see "spillway ${name} --help"`,
    );
  }
}

function usageMessage(cause: unknown, known: readonly string[]): string {
  const message = cause instanceof Error ? cause.message : '';
  const [, unknown] = /^Unknown option '(-[^']*)'/.exec(message) ?? [];
  if (unknown === undefined) {
    const [sentence = ''] = message.split(/[.\n]/, 1);
    return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
  }
  const meant = suggest(unknown.replace(/^-+/, ''), known);
  return `there is no option ${unknown}${meant === undefined ? '' : ` — did you mean "--${meant}"?`}`;
}

function explain(thrown: unknown, { stderr, signal }: CommandContext): ExitCode {
  // Whoever asked it to stop knows why it did not finish.
  if (signal.aborted && thrown === signal.reason) return 1;
  const error = isFromSqlite(thrown)
    ? new RelayError('JOURNAL_UNUSABLE', 'the journal cannot be read; "spillway doctor" looks closer', {
        cause: thrown,
      })
    : thrown;
  if (!(error instanceof RelayError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    stderr.write(`spillway: this is a mistake in spillway itself, please report it\n${printable(stack, true)}\n`);
    return 1;
  }
  const text = printable(describeError(error), true);
  // A config's problems begin with file, line and column, so that an editor can jump to them: nothing may stand before.
  stderr.write(error.code === 'CONFIG_INVALID' ? `${text}\n` : `spillway: ${text}\n`);
  return error.code === 'USAGE' || error.code === 'CONFIG_UNREADABLE' ? 2 : 1;
}

/** A journal that commands read directly may be damaged, on a full disk or somebody else's. */
function isFromSqlite(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_')
  );
}
