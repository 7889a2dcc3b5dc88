import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../processes.ts';
import type { Contender, Site } from './contender.ts';

/** The relay itself, as `run` starts it, with its defaults: every batch synced, hashed, compressed and indexed before delivery. */
export function relayContender(main: string): Contender {
  return {
    name: 'relay',
    about: 'defaults: every batch committed with a full sync, hashed, compressed, indexed, then delivered',
    keeps: true,
    command: (site) => relayCommand(main, site, { load: syslogInput(site) }),
  };
}

function syslogInput({ input }: Site): object {
  const listen = `${input.protocol}://127.0.0.1:${input.port}`;
  return {
    type: 'syslog',
    listen,
    ...(input.protocol === 'udp' ? { receive_buffer_bytes: 4 * 1_024 * 1_024, receive_threads: 1 } : {}),
  };
}

/** Starts the relay with these inputs and one endpoint: NDJSON over TCP, the records as they are stored. */
export function relayCommand(
  main: string,
  { directory, endpointPort }: Site,
  inputs: Readonly<Record<string, object>>,
): Command {
  const file = join(directory, 'config.yaml');
  const configuration = {
    name: 'bench',
    data_dir: join(directory, 'data'),
    inputs,
    endpoints: { sink: { type: 'logstash', url: `tcp://127.0.0.1:${endpointPort}` } },
    admin: { listen: '127.0.0.1:0' },
  };
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(configuration, null, 2));
  return { file: process.execPath, args: [main, 'run', '--config', file] };
}
