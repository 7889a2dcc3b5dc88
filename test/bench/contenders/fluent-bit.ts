import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../processes.ts';
import type { Contender, Site } from './contender.ts';

/** Filesystem storage; its fields stay flat, which is less work than the relay's ECS. */
export function fluentBitContenders(file: string): Contender[] {
  return [
    {
      name: 'fluent-bit-filesystem',
      about: 'filesystem storage, threaded input, two output workers, flush each 0.2 s',
      keeps: true,
      command: (site) => command(file, site),
    },
  ];
}

function command(program: string, { directory, input, endpointPort }: Site): Command {
  const file = join(directory, 'fluent-bit.yaml');
  const configuration = {
    service: {
      flush: 0.2,
      log_level: 'error',
      'storage.path': join(directory, 'storage'),
      'storage.sync': 'normal',
      'storage.max_chunks_up': 256,
      'scheduler.base': 1,
      'scheduler.cap': 2,
    },
    parsers: [
      {
        name: 'load',
        format: 'regex',
        regex:
          '^\\<(?<pri>[0-9]{1,5})\\>1 (?<time>[^ ]+) (?<host>[^ ]+) (?<ident>[^ ]+) (?<pid>[-0-9]+) (?<msgid>[^ ]+) (?<extradata>(\\[(.*?)\\]|-)) (?<message>.+)$',
        time_key: 'time',
        time_format: '%Y-%m-%dT%H:%M:%S.%L%z',
      },
    ],
    pipeline: {
      inputs: [
        {
          name: 'syslog',
          mode: input.protocol,
          listen: '127.0.0.1',
          port: input.port,
          parser: 'load',
          threaded: true,
          'storage.type': 'filesystem',
          buffer_max_size: '1M',
          buffer_chunk_size: '256K',
          receive_buffer_size: '4M',
        },
      ],
      outputs: [
        {
          name: 'tcp',
          match: '*',
          host: '127.0.0.1',
          port: endpointPort,
          format: 'json_lines',
          json_date_key: '@timestamp',
          json_date_format: 'iso8601',
          workers: 2,
          retry_limit: 'no_limits',
          'storage.total_limit_size': '8G',
        },
      ],
    },
  };
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(configuration, null, 2));
  return { file: program, args: ['--config', file] };
}
