import type { Registry } from '../config/registry.ts';
import type { Environment } from '../config/secrets.ts';
import { RelayError } from '../errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';

/** 0: all is well. 1: a problem was found, or the command could not do its work. 2: the command line is wrong. */
export type ExitCode = 0 | 1 | 2;

/** Where a command prints. */
export interface Terminal {
  /** A person is likely to be looking; else it is a file or a pipe. */
  readonly isTerminal: boolean;
  readonly columns: number | undefined;
  /** False where so much waits already that the caller should wait for `drained`. */
  write(text: string | Uint8Array): boolean;
  /** Resolves when there is room again, and when nobody reads any more. */
  drained(): Promise<void>;
}

/** What the operating system gives a command. */
export interface ProcessContext {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly environment: Environment;
  readonly workingFolder: string;
  readonly processId: number;
  /** Aborted by SIGINT and SIGTERM: end what you do, soon, and in order. */
  readonly signal: AbortSignal;
  /** Asks the person at the terminal a question that yes or no answers. Undefined where there is nobody to ask. */
  readonly confirm?: (question: string) => Promise<boolean>;
  /** Calls back on SIGHUP. Returns what ends it. */
  onReload(listener: () => void): () => void;
}

export interface CommandContext extends ProcessContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The components that a config may name. Loading them takes longer than most commands do, so it is left to those that need them. */
  readonly components: () => Promise<Registry>;
  /** Of this program, such as `1.2.0`. */
  readonly version: string;
}

/** One `--name`, as `parseArgs` of `node:util` takes it, with its help. */
export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help: `FILE`. */
  readonly value?: string;
  readonly description: string;
}

type CommandOptions = Readonly<Record<string, CommandOption>>;

type OptionValue<Option extends CommandOption> = Option['type'] extends 'boolean'
  ? boolean
  : Option['multiple'] extends true
    ? string[]
    : string;

/** What was given on the command line; an option that was not is undefined. */
export interface Invocation<Options extends CommandOptions = CommandOptions> {
  readonly options: { readonly [Name in keyof Options]?: OptionValue<Options[Name]> | undefined };
  /** What stands on the command line beside options. */
  readonly operands: readonly string[];
}

export interface Command<Options extends CommandOptions = CommandOptions> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What may stand on the command line beside options, as the help shows it: `URL...`. Absent: nothing may. */
  readonly operands?: string;
  /** Paragraphs of the command's help. */
  readonly notes: readonly string[];
  /** Command lines for the help, without `spillway`. */
  readonly examples: readonly string[];
  readonly options: Options;
  /** Throws a `RelayError` for what the operator must act on; it is printed without a stack. */
  run(invocation: Invocation<Options>, context: CommandContext): Promise<ExitCode>;
}

/** Keeps the options' types tied to `run`. */
export function defineCommand<const Options extends CommandOptions>(command: Command<Options>): Command<Options> {
  return command;
}

/** For commands that read the config. */
export const configOption = {
  config: {
    type: 'string',
    value: 'FILE',
    description: 'The config. Without it config.yaml in this folder, or else config.example.yaml.',
  },
} as const satisfies CommandOptions;

/** For commands that print data. */
export const jsonOption = {
  json: { type: 'boolean', description: 'Prints JSON instead of text.' },
} as const satisfies CommandOptions;

/** Reads an option that is a whole number. Throws `USAGE`. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  { fallback, least, most }: { readonly fallback: number; readonly least: number; readonly most: number },
): number {
  if (text === undefined) return fallback;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new RelayError('USAGE', `--${name} takes a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
}
