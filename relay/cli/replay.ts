import type { Config, ConfiguredEndpoint } from '../config/config.ts';
import type { Output } from '../component/output.ts';
import { Replayer } from '../delivery/replayer.ts';
import { RelayError } from '../errors.ts';
import { Archive } from '../journal/archive.ts';
import { silentLog } from '../telemetry/logger.ts';
import { type CommandContext, configOption, defineCommand, wholeNumber } from './command.ts';
import { commandConfig } from './config-file.ts';
import { Progress } from './progress.ts';
import { firstPlace, selectionOf, selectionOptions, selectRecords } from './selection.ts';
import { printable } from './terminal.ts';

export const replayCommand = defineCommand({
  name: 'replay',
  summary: 'Sends records from the journal to one endpoint again.',
  notes: [
    'Records keep their `event.id` and their times, so that an endpoint that goes by the id holds each once. The endpoint’s cursor does not ' +
      'move, and the relay may run meanwhile: the replay has a connection of its own.',
    'Tries go on while the endpoint is away. Interrupted, it says where to go on.',
  ],
  examples: [
    'replay --endpoint siem --from 2026-11-21T00:00:00Z --to 2026-11-22T00:00:00Z',
    'replay --endpoint siem --from 6h --match event.dataset=harbor.audit --records-per-s 500',
  ],
  options: {
    ...configOption,
    endpoint: { type: 'string', value: 'NAME', description: 'The endpoint of the config to send to.' },
    ...selectionOptions,
    'from-seq': {
      type: 'string',
      value: 'N',
      description: 'Begins at this place in the journal: where a replay was interrupted.',
    },
    'records-per-s': {
      type: 'string',
      value: 'N',
      description: 'Sends no faster than this. Default: 5000. 0: no limit.',
    },
  },
  async run({ options }, context) {
    const config = await commandConfig(options.config, context);
    const endpoint = endpointOf(config, options.endpoint);
    const selection = selectionOf(options, context.clock.nowMs());
    const rate = wholeNumber('records-per-s', options['records-per-s'], {
      fallback: 5_000,
      least: 0,
      most: 100_000_000,
    });
    using archive = new Archive(config.data_dir);
    const fromSeq = wholeNumber('from-seq', options['from-seq'], {
      fallback: archive.firstSeq(),
      least: 0,
      most: Number.MAX_SAFE_INTEGER,
    });
    const output = createOutput(endpoint, archive, context);
    const endSeq = archive.nextSeq();
    const { backoff_min_ms: minMs, backoff_max_ms: maxMs } = endpoint.delivery;
    const sender = new Replayer({
      ...context,
      output,
      backoff: { minMs, maxMs },
      recordsPerSecond: rate,
      fromSeq,
      onTrouble: (reason) =>
        void context.stderr.write(`${endpoint.name} does not take records, trying on: ${reason}\n`),
      onRefused: (id, reason) => void context.stderr.write(`refused: ${printable(`${id}: ${reason}`)}\n`),
    });
    const startSeq = firstPlace(archive, selection, fromSeq);
    const progress = new Progress(context, 'records', endSeq - startSeq);
    try {
      const onDamage = (problem: string): void => void context.stderr.write(`cannot be read: ${problem}\n`);
      for (const found of selectRecords(archive, selection, { fromSeq, endSeq }, onDamage)) {
        if (!(await sender.send(found))) break;
        progress.at(found.lastSeq - startSeq, `${sender.sent} sent`);
      }
    } finally {
      progress.end();
      await output.close();
    }
    context.stdout.write(`${sender.sent} records sent to ${endpoint.name}, ${sender.refused} refused\n`);
    if (context.signal.aborted) context.stderr.write(`interrupted; go on with --from-seq ${sender.nextSeq}\n`);
    return sender.refused > 0 || context.signal.aborted ? 1 : 0;
  },
});

function endpointOf(config: Config, name: string | undefined): ConfiguredEndpoint {
  const names = config.endpoints.map((endpoint) => endpoint.name).join(', ');
  if (name === undefined) throw new RelayError('USAGE', `--endpoint is needed; the config has: ${names}`);
  const endpoint = config.endpoints.find((candidate) => candidate.name === name);
  if (endpoint === undefined)
    throw new RelayError('ENDPOINT_UNKNOWN', `there is no endpoint ${name}; the config has: ${names}`);
  return endpoint;
}

function createOutput(endpoint: ConfiguredEndpoint, archive: Archive, { clock, random }: CommandContext): Output {
  const { definition, options, name } = endpoint;
  const context = { name, clock, random, log: silentLog, relayId: archive.relayId(), connectionLost: () => {} };
  return definition.create(options, context, definition.addresses(options)[0]);
}
