import { readFileSync } from 'node:fs';
import { registry } from '../config/registry.ts';
import { systemClock } from '../io/clock.ts';
import { systemRandom } from '../io/random.ts';
import { catchCommand } from './catch.ts';
import { checkCommand } from './check.ts';
import { runCommand } from './command-line.ts';
import type { Command, ExitCode, ProcessContext } from './command.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { replayCommand } from './replay.ts';
import { relayCommand } from './run.ts';
import { statusCommand } from './status.ts';
import { tailCommand } from './tail.ts';
import { tokenCommand } from './token.ts';

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  relayCommand,
  checkCommand,
  statusCommand,
  tailCommand,
  exportCommand,
  replayCommand,
  doctorCommand,
  catchCommand,
  tokenCommand,
];

/** Runs what stands on the command line, with the world as it is. */
export function runCommandLine(words: readonly string[], process: ProcessContext): Promise<ExitCode> {
  const context = { ...process, clock: systemClock, random: systemRandom, registry, version: version() };
  return runCommand(commands, words, context);
}

function version(): string {
  // The same place as seen from relay/cli and from dist/cli.
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const found =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof found === 'string' ? found : 'unknown';
}
