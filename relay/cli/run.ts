import { join } from 'node:path';
import { AdminServer } from '../admin/server.ts';
import { TokenFile } from '../admin/tokens.ts';
import type { Config } from '../config/config.ts';
import type { ConfigChange } from '../config/difference.ts';
import { describeError } from '../errors.ts';
import { Relay } from '../runtime/relay.ts';
import { RelayLog } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode } from './command.ts';
import { commandConfig } from './config-file.ts';

/** How long an orderly end may take. Container platforms kill after 10 to 30 s. */
const STOP_DEADLINE_MS = 8_000;

export const relayCommand = defineCommand({
  name: 'run',
  summary: 'Runs the relay until it is told to stop.',
  notes: [
    'SIGTERM and SIGINT end it in order: it stops receiving, commits what it has, delivers what is under way. SIGHUP reads the config ' +
      'again and takes over what changed, without losing a backlog; where the new config is wrong the old one stays.',
  ],
  examples: ['run', 'run --config /etc/spillway/config.yaml'],
  options: { ...configOption },
  async run({ options }, context) {
    return runRelay(options.config, commandConfig(options.config, context), context);
  },
});

async function runRelay(file: string | undefined, config: Config, context: CommandContext): Promise<ExitCode> {
  const { clock, random, signal } = context;
  await using relayLog = new RelayLog({ clock, level: config.log.level, name: config.name });
  const log = relayLog.root;
  const metrics = new Metrics().withProcess();
  const fatal = new AbortController();
  const relay = await Relay.start(config, { clock, random, log, metrics, onFatal: () => fatal.abort() });
  const reload = async (): Promise<ConfigChange[]> => {
    const next = commandConfig(file, context);
    relayLog.level = next.log.level;
    const changes = await relay.reload(next);
    tellChanges(changes, log);
    return changes;
  };
  const tokens = new TokenFile(join(config.data_dir, 'tokens.json'), { clock, random });
  const admin = new AdminServer({
    listen: config.admin.listen,
    dataFolder: config.data_dir,
    relay,
    tokens,
    metrics,
    log,
    reload,
  });
  const endReload = context.onReload(() => {
    reload().catch((error: unknown) =>
      log.error('the new config was not taken over', { reason: describeError(error) }),
    );
  });
  try {
    const address = await admin.start();
    log.info('ready', {
      version: context.version,
      admin: `http://${address}`,
      data_dir: config.data_dir,
      inputs: [...relay.inputs.values()].map((input) => `${input.name} ${input.type} ${input.address}`),
      endpoints: [...relay.endpoints.values()].map(
        (endpoint) => `${endpoint.name} ${endpoint.address ?? endpoint.type}`,
      ),
    });
    await aborted(AbortSignal.any([signal, fatal.signal]));
  } finally {
    endReload();
    await relay.stop(STOP_DEADLINE_MS);
    await admin.stop();
    log.info('stopped');
  }
  return fatal.signal.aborted ? 1 : 0;
}

function tellChanges(changes: readonly ConfigChange[], log: RelayLog['root']): void {
  for (const { part, name, change, options, takesEffect } of changes) {
    const fields = { part, name, change, options, takes_effect: takesEffect };
    if (takesEffect === 'restart') log.warn('a setting changed that counts from the next start', fields);
    else log.info('the config changed', fields);
  }
  if (changes.length === 0) log.info('the config was read again; nothing changed');
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  // A listener on a signal does not keep the process alive; the relay's sockets and threads do.
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
