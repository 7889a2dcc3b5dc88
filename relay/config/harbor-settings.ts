import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RelayError } from '../errors.ts';
import type { Config } from './config.ts';
import type { Registry } from './registry.ts';
import { deliveryOptions, type StoreOption } from './schema.ts';

/** The endpoint that `audit_log_forward_endpoint` stands for. One of this name in the config file takes its place. */
export const HARBOR_FORWARD = 'harbor_forward';
export const HARBOR_DATASET = 'harbor.audit';

const settings = z.strictObject({
  audit_log_forward_endpoint: z.string().max(300).default(''),
  skip_audit_log_database: z.boolean().default(false),
  /** An endpoint that was cleared: it gets what it is owed, and no more. */
  retiring_endpoint: z.string().max(300).default(''),
});

/** What was set through Harbor’s own API. It outlives a restart, in a small file beside the journal, and stands above the config file. */
export type HarborSettings = z.output<typeof settings>;

const fileOf = (dataFolder: string): string => join(dataFolder, 'harbor.json');

/** Throws `CONFIG_UNREADABLE` where the file is there and cannot be read. */
export function readHarborSettings(dataFolder: string): HarborSettings {
  const path = fileOf(dataFolder);
  try {
    return settings.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return settings.parse({});
    throw new RelayError('CONFIG_UNREADABLE', `cannot read ${path}; remove it to forget what was set by Harbor’s API`, {
      cause,
    });
  }
}

/** Whoever reads the file meanwhile sees the old settings or the new. */
export function writeHarborSettings(dataFolder: string, given: HarborSettings): void {
  const path = fileOf(dataFolder);
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const file = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(settings.parse(given), null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
}

/** `tcp://host:port`, `tls://host:port` or, as Harbor has it, `host:port`, as a URL. Undefined for what is none of these. */
export function forwardUrl(
  endpoint: string,
): { readonly url: string; readonly host: string; readonly port: number } | undefined {
  const [, scheme = 'tcp', host = '', port = ''] =
    /^(?:(tcp|tls):\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]{1,253}):(\d{1,5})$/.exec(endpoint) ?? [];
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { url: `${scheme}://${host}:${port}`, host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** The config with what was set through Harbor’s API on top of it. Throws `CONFIG_UNREADABLE`. */
export function withHarborSettings(config: Config, { outputs }: Pick<Registry, 'outputs'>): Config {
  const given = readHarborSettings(config.data_dir);
  const isRetiring = given.audit_log_forward_endpoint === '';
  const target = forwardUrl(isRetiring ? given.retiring_endpoint : given.audit_log_forward_endpoint);
  const definition = outputs.find(({ type }) => type === 'syslog');
  const store = given.skip_audit_log_database ? withoutHarbor(config.store) : config.store;
  const isTaken = config.endpoints.some(({ name }) => name === HARBOR_FORWARD);
  if (target === undefined || definition === undefined || isTaken) return { ...config, store };
  const endpoint = {
    name: HARBOR_FORWARD,
    definition,
    // Harbor’s own receivers read lines.
    options: definition.options.parse({ url: target.url, framing: 'lf' }),
    // As Harbor does, it forwards what comes from now on.
    delivery: deliveryOptions.parse({
      match: { 'event.dataset': HARBOR_DATASET },
      start_at: 'end',
      ...(isRetiring ? { retire: 'drain' } : {}),
    }),
  };
  return { ...config, store, endpoints: [...config.endpoints, endpoint] };
}

function withoutHarbor(store: StoreOption): StoreOption {
  if (store === false) return false;
  return { ...(store === true ? {} : store), [HARBOR_DATASET]: false };
}
