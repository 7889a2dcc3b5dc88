import { join } from 'node:path';
import type { ReloadAnswer } from '../admin/api/relay.ts';
import { TokenFile } from '../admin/tokens.ts';
import type { Config } from '../config/config.ts';
import { describeError, RelayError } from '../errors.ts';
import { giveBackMemory, SETTLED_MS } from '../io/memory.ts';
import { readingsOf } from '../runtime/readings.ts';
import { Relay, type Reloaded } from '../runtime/relay.ts';
import { History } from '../telemetry/history.ts';
import { type Log, RelayLog } from '../telemetry/logger.ts';
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
    return runRelay(options.config, await commandConfig(options.config, context), context);
  },
});

async function runRelay(file: string | undefined, config: Config, context: CommandContext): Promise<ExitCode> {
  const { clock, random, signal } = context;
  await using relayLog = new RelayLog({ clock, level: config.log.level, name: config.name });
  const log = relayLog.root;
  const metrics = new Metrics().withProcess();
  const fatal = new AbortController();
  let reload: (() => Promise<ReloadAnswer>) | undefined;
  // From the first moment on: what nobody listens for ends the process.
  const endReload = context.onReload(() => {
    if (reload === undefined) return log.warn('told to read the config again while starting; nothing was done');
    reload().catch((error: unknown) =>
      log.error('the new config was not taken over', { reason: describeError(error) }),
    );
  });
  using _ = { [Symbol.dispose]: endReload };
  const starting = Relay.start(config, { clock, random, log, metrics, onFatal: () => fatal.abort() });
  starting.catch(() => undefined);
  // Loaded while the journal opens in its thread.
  const { AdminServer } = await import('../admin/server.ts');
  const relay = await starting;
  reload = async () => {
    const next = await commandConfig(file, context);
    const reloaded = await relay.reload(next);
    relayLog.level = next.log.level;
    return tellReload(reloaded, log);
  };
  const tokens = new TokenFile(join(config.data_dir, 'tokens.json'), { clock, random });
  const history = new History({
    read: () => readingsOf(relay),
    clock,
    path: join(config.data_dir, 'charts.json'),
    log,
  });
  const admin = new AdminServer({
    listen: config.admin.listen,
    tls: config.admin.tls,
    hosts: config.admin.hosts,
    dataFolder: config.data_dir,
    relay,
    version: context.version,
    tokens,
    metrics,
    history,
    log,
    warnings: () => relayLog.recent,
    clock,
    random,
    reload,
  });
  try {
    const address = `${config.admin.tls === undefined ? 'http' : 'https'}://${await admin.start()}`;
    tellReady(relay, address, context.version, log);
    makeFirstPassword(tokens, address, context);
    const settled = clock.after(SETTLED_MS, giveBackMemory);
    await aborted(AbortSignal.any([signal, fatal.signal]));
    settled.cancel();
  } finally {
    history.stop();
    await relay.stop(STOP_DEADLINE_MS);
    await admin.stop();
    log.info('stopped');
  }
  return fatal.signal.aborted ? 1 : 0;
}

/** Where nobody can come in yet, makes a way in, and tells it to whoever sees the output of this first start. */
function makeFirstPassword(tokens: TokenFile, address: string, { stderr }: CommandContext): void {
  if (tokens.list().length > 0) return;
  const { token } = tokens.add('admin', 'admin', 'password');
  stderr.write(`\nThe console is at ${address}\nSign in as admin with ${token} (shown this once)\n\n`);
}

function tellReady(relay: Relay, address: string, version: string, log: Log): void {
  log.info('ready', {
    version,
    admin: address,
    data_dir: relay.config.data_dir,
    inputs: [...relay.inputs.values()].map((input) => `${input.name} ${input.type} ${input.address}`),
    endpoints: [...relay.endpoints.values()].map((endpoint) => `${endpoint.name} ${endpoint.address ?? endpoint.type}`),
  });
}

/** Throws `RELOAD_INCOMPLETE`, naming what works on as it was. */
function tellReload({ changes, failures }: Reloaded, log: Log): ReloadAnswer {
  const failed = new Set(failures.map(({ part, name }) => `${part} ${name}`));
  for (const { part, name, change, options, takesEffect } of changes) {
    if (failed.has(`${part} ${name}`)) continue;
    const fields = { part, name, change, options, takes_effect: takesEffect };
    if (takesEffect === 'restart') log.warn('a setting changed that counts from the next start', fields);
    else log.info('the config changed', fields);
  }
  if (changes.length === 0) log.info('the config was read again; nothing changed');
  if (failures.length === 0) return { changes };
  const sentences = failures.map(
    ({ part, name, error, restored }) =>
      `${part} ${name}: ${describeError(error)} (${restored ? 'it works on as it was' : 'IT DOES NOT WORK NOW'})`,
  );
  throw new RelayError('RELOAD_INCOMPLETE', `taken over but for ${sentences.join('; ')}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  // A listener on a signal does not keep the process alive; the relay's sockets and threads do.
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
