import type { Command, CommandContext, ExitCode, Terminal } from '../../relay/cli/command.ts';
import { runCommand } from '../../relay/cli/command-line.ts';
import type { Environment } from '../../relay/config/secrets.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { fakeRegistry } from './fake-components.ts';

/** Runs commands in this process, over the small components, and keeps what they print. */
export class CliHarness {
  readonly context: CommandContext;
  readonly #stopping = new AbortController();
  readonly #printed = { stdout: '', stderr: '' };

  constructor(workingFolder: string, environment: Environment = {}) {
    this.context = {
      stdout: this.#terminal('stdout'),
      stderr: this.#terminal('stderr'),
      environment,
      workingFolder,
      processId: 1,
      signal: this.#stopping.signal,
      onReload: () => () => {},
      clock: systemClock,
      random: systemRandom,
      components: async () => fakeRegistry,
      version: '1.2.3',
    };
  }

  get stdout(): string {
    return this.#printed.stdout;
  }

  get stderr(): string {
    return this.#printed.stderr;
  }

  run(commands: readonly Command[], ...words: string[]): Promise<ExitCode> {
    this.#printed.stdout = '';
    this.#printed.stderr = '';
    return runCommand(commands, words, this.context);
  }

  /** From now on errors go to a terminal, and each look at the clock finds it more than a second later: as for work that takes long. */
  beSlow(): void {
    let elapsedMs = 0;
    Object.assign(this.context, {
      stderr: { ...this.context.stderr, isTerminal: true },
      clock: { ...systemClock, monotonicMs: () => (elapsedMs += 1_100) },
    });
  }

  /** As Ctrl-C does. */
  stop(): void {
    this.#stopping.abort();
  }

  #terminal(name: 'stdout' | 'stderr'): Terminal {
    return {
      isTerminal: false,
      columns: undefined,
      write: (text) => {
        this.#printed[name] += typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
        return true;
      },
      drained: () => Promise.resolve(),
    };
  }
}
