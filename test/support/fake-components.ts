import { z } from 'zod';
import { defineInput, type Input } from '../../relay/component/input.ts';
import { datasetOption, listenOption, tlsClientOption, tlsServerOption } from '../../relay/component/options.ts';
import { defineOutput, type Output } from '../../relay/component/output.ts';
import { type Registry, registry } from '../../relay/config/registry.ts';
import { RelayError } from '../../relay/errors.ts';

/** Small components with options of every kind, for tests of what is built over the registry. They move no records. */

const idleInput: Input = { start: async () => '127.0.0.1:1', stop: async () => {} };

export const fakeSyslogInput = defineInput({
  type: 'syslog',
  stability: 'stable',
  summary: 'Takes lines.',
  notes: ['Takes them from a socket.'],
  options: z.strictObject({
    listen: listenOption(['udp', 'tcp', 'tls'], 'tcp://0.0.0.0:5514'),
    dataset: datasetOption('syslog'),
    line_bytes_max: z.int().min(480).max(1_048_576).default(65_536).describe('Longer lines are split.'),
    keep_original: z.boolean().default(false).describe('Keeps the raw line.'),
    tls: tlsServerOption.optional().describe('For `tls://`.'),
  }),
  create: () => idleInput,
});

export const fakeHttpInput = defineInput({
  type: 'http',
  stability: 'beta',
  summary: 'Takes requests.',
  notes: [],
  options: z.strictObject({
    listen: listenOption(['http', 'https'], 'http://0.0.0.0:9880'),
    token: z.string().min(8).optional().describe('What senders must show.').meta({ secret: true }),
    token_file: z.string().optional().describe('File that holds it.'),
  }),
  create: () => idleInput,
});

const fakeOutput: Output = {
  limits: { recordsMax: 100, bytesMax: 1_000_000, inFlightMax: 1 },
  deliver: async () => {},
  probe: async () => {},
  close: async () => {},
};

/** An address of port 1 cannot be reached, one of port 2 never answers. */
export const fakeLogstashOutput = defineOutput({
  type: 'logstash',
  stability: 'stable',
  summary: 'Sends to Logstash.',
  notes: ['The beats input of Logstash is meant.'],
  options: z.strictObject({
    url: z
      .union([z.url(), z.array(z.url()).min(1)])
      .describe('Where it listens.')
      .meta({ examples: ['lumberjacks://logstash.corp:5044'] }),
    tls: tlsClientOption.optional().describe('How it is trusted.'),
    password: z.string().optional().describe('What it wants to hear.').meta({ secret: true }),
  }),
  acknowledgement: () => 'endpoint',
  addresses: ({ url }) => (typeof url === 'string' ? [url] : url),
  create: (_, __, address) => ({
    ...fakeOutput,
    async probe(signal) {
      if (address?.endsWith(':1') === true) throw new RelayError('OUTPUT_UNREACHABLE', `no answer from ${address}`);
      if (address?.endsWith(':2') !== true) return;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
    },
  }),
});

export const fakeFileOutput = defineOutput({
  type: 'file',
  stability: 'stable',
  summary: 'Writes a file.',
  notes: [],
  options: z.strictObject({ path: z.string().min(1).describe('The file.') }),
  acknowledgement: () => 'endpoint',
  addresses: () => [],
  create: () => fakeOutput,
});

export const fakeRegistry: Registry = {
  inputs: [fakeSyslogInput, fakeHttpInput],
  outputs: [fakeLogstashOutput, fakeFileOutput],
  filters: registry.filters,
};
