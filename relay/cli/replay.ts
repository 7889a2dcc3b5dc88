import type { Config, ConfiguredEndpoint } from '../config/config.ts';
import type { DeliveryLimits, Output } from '../component/output.ts';
import { nextDelayMs } from '../delivery/backoff.ts';
import { RelayError, describeError } from '../errors.ts';
import { sleep } from '../io/clock.ts';
import { Archive } from '../journal/archive.ts';
import { eventIdOf, lineOffsets } from '../record/lines.ts';
import { silentLog } from '../telemetry/logger.ts';
import { type CommandContext, configOption, defineCommand, wholeNumber } from './command.ts';
import { commandConfig } from './config-file.ts';
import { Progress } from './progress.ts';
import { type SelectedLines, selectionOf, selectionOptions, selectRecords } from './selection.ts';
import { printable } from './terminal.ts';

/** How much of the rate goes at once, in seconds. */
const PIECE_S = 0.2;

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
    const config = commandConfig(options.config, context);
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
    const sender = new Sender(output, endpoint, context, { recordsPerSecond: rate, fromSeq });
    const progress = new Progress(context, 'records', endSeq - fromSeq);
    try {
      const onDamage = (problem: string): void => void context.stderr.write(`cannot be read: ${problem}\n`);
      for (const found of selectRecords(archive, selection, { fromSeq, endSeq }, onDamage)) {
        if (!(await sender.send(found))) break;
        progress.at(found.lastSeq - fromSeq, `${sender.sent} sent`);
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

/** Delivers what it is given, in order, waiting out failures. */
class Sender {
  sent = 0;
  refused = 0;
  /** Where to go on. */
  nextSeq: number;
  readonly #output: Output;
  readonly #endpoint: ConfiguredEndpoint;
  readonly #context: CommandContext;
  readonly #recordsPerSecond: number;
  #readyMs = 0;

  constructor(
    output: Output,
    endpoint: ConfiguredEndpoint,
    context: CommandContext,
    { recordsPerSecond, fromSeq }: { readonly recordsPerSecond: number; readonly fromSeq: number },
  ) {
    this.#output = output;
    this.#endpoint = endpoint;
    this.#context = context;
    this.#recordsPerSecond = recordsPerSecond;
    this.nextSeq = fromSeq;
  }

  /** A rate is kept by small pieces, not by large ones with long rests between them. */
  get #limits(): DeliveryLimits {
    const { limits } = this.#output;
    if (this.#recordsPerSecond === 0) return limits;
    const recordsMax = Math.min(limits.recordsMax, Math.max(1, Math.floor(this.#recordsPerSecond * PIECE_S)));
    return { ...limits, recordsMax };
  }

  /** False where it was interrupted. */
  async send(found: SelectedLines): Promise<boolean> {
    this.nextSeq = found.firstSeq;
    const offsets = lineOffsets(found.lines, found.records);
    for (let from = 0; from < found.records;) {
      const to = pieceEnd(offsets, from, this.#limits);
      await this.#pace(to - from);
      if (!(await this.#deliver(found.lines, offsets, from, to))) return false;
      from = to;
    }
    this.nextSeq = found.lastSeq + 1;
    return !this.#context.signal.aborted;
  }

  async #deliver(lines: Buffer, offsets: Uint32Array, from: number, to: number): Promise<boolean> {
    const { signal, clock, random, stderr } = this.#context;
    for (let failures = 0; !signal.aborted;) {
      const piece = {
        firstSeq: this.nextSeq + from,
        records: to - from,
        lines: lines.subarray(offsets[from], offsets[to]),
      };
      try {
        await this.#output.deliver(piece, signal);
        this.sent += to - from;
        return true;
      } catch (error) {
        if (!(error instanceof RelayError)) throw error;
        if (error.disposition === 'reject') return this.#afterRefusal(error, lines, offsets, from, to);
        if (signal.aborted) break;
        failures++;
        if (failures === 1)
          stderr.write(`${this.#endpoint.name} does not take records, trying on: ${describeError(error)}\n`);
        const { backoff_min_ms: minMs, backoff_max_ms: maxMs } = this.#endpoint.delivery;
        await sleep(clock, nextDelayMs(failures, { minMs, maxMs }, random.fraction(), error.retryAfterMs), signal);
      }
    }
    return false;
  }

  /** Finds the record at fault, if need be by halves; that one is left out and told of. */
  async #afterRefusal(
    error: RelayError,
    lines: Buffer,
    offsets: Uint32Array,
    from: number,
    to: number,
  ): Promise<boolean> {
    const known = to - from === 1 ? 0 : error.recordIndex;
    if (known === undefined) {
      const middle = from + ((to - from) >> 1);
      return (await this.#deliver(lines, offsets, from, middle)) && this.#deliver(lines, offsets, middle, to);
    }
    // What stands before the one at fault was taken with it.
    const at = Math.min(from + known, to - 1);
    this.sent += at - from;
    this.refused++;
    const id = eventIdOf(lines, offsets[at]!);
    this.#context.stderr.write(`refused: ${printable(`${id}: ${describeError(error)}`)}\n`);
    return at + 1 === to || this.#deliver(lines, offsets, at + 1, to);
  }

  async #pace(records: number): Promise<void> {
    if (this.#recordsPerSecond === 0) return;
    const { clock, signal } = this.#context;
    const nowMs = clock.monotonicMs();
    const waitMs = this.#readyMs - nowMs;
    this.#readyMs = Math.max(nowMs, this.#readyMs) + (records / this.#recordsPerSecond) * 1_000;
    if (waitMs > 0) await sleep(clock, waitMs, signal);
  }
}

/** Where a piece that begins at `from` ends, within the output's limits. */
function pieceEnd(offsets: Uint32Array, from: number, limits: DeliveryLimits): number {
  const records = offsets.length - 1;
  let to = from + 1;
  while (to < records && to - from < limits.recordsMax && offsets[to + 1]! - offsets[from]! <= limits.bytesMax) to++;
  return to;
}
