import { readFileSync } from 'node:fs';
import { systemClock } from '../io/clock.ts';
import { systemRandom } from '../io/random.ts';
import { runCommand } from './command-line.ts';
import type { Command, ExitCode, ProcessContext } from './command.ts';

/** Every command, in the order of the help. Each is loaded when it is asked for: the relay does without what the others need. */
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).relayCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  search: async () => (await import('./search.ts')).searchCommand,
  tail: async () => (await import('./tail.ts')).tailCommand,
  transcript: async () => (await import('./transcript.ts')).transcriptCommand,
  export: async () => (await import('./export.ts')).exportCommand,
  replay: async () => (await import('./replay.ts')).replayCommand,
  purge: async () => (await import('./purge.ts')).purgeCommand,
  hold: async () => (await import('./hold.ts')).holdCommand,
  verify: async () => (await import('./verify.ts')).verifyCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  catch: async () => (await import('./catch.ts')).catchCommand,
  keep: async () => (await import('./keep.ts')).keepCommand,
  drain: async () => (await import('./drain.ts')).drainCommand,
  token: async () => (await import('./token.ts')).tokenCommand,
};

/**
 * The commands that a command line needs: the one that its first word names; all for the help, and where there is none of that name; none
 * for the version.
 */
export async function loadCommands(words: readonly string[]): Promise<readonly Command[]> {
  const [name = ''] = words;
  if (name === '--version' || name === '-V') return [];
  const needed = Object.hasOwn(loaders, name) ? [loaders[name]!] : Object.values(loaders);
  return Promise.all(needed.map((load) => load()));
}

/** Runs what stands on the command line, with the world as it is. */
export async function runCommandLine(words: readonly string[], process: ProcessContext): Promise<ExitCode> {
  const context = {
    ...process,
    clock: systemClock,
    random: systemRandom,
    version: version(),
    components: async () => (await import('../config/registry.ts')).registry,
  };
  return runCommand(await loadCommands(words), words, context);
}

function version(): string {
  // The same place as seen from relay/cli and from dist/cli.
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const found =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof found === 'string' ? found : 'unknown';
}
