import { systemClock } from '../../../relay/io/clock.ts';
import { systemRandom } from '../../../relay/io/random.ts';
import type { HeldBatch } from '../../../relay/journal/sqlite/messages.ts';
import { Writer } from '../../../relay/journal/sqlite/writer.ts';
import { eventIdPrefix, writeSequence } from '../../../relay/record/event-id.ts';
import { LINE_HEAD } from '../../../relay/record/lines.ts';
import { activeRepositories, Dice, makeBodies, repositoryName, type Body } from './content.ts';

const BATCH_BYTES = 524_288;
const ID_LENGTH = 24;
const TIME_LENGTH = 24;
const CREATED_AT = LINE_HEAD.length + ID_LENGTH + '","created":"'.length;

export interface Filled {
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
}

/** Writes records straight into a journal, spread evenly over the time before `endMs`, by the writer that the relay has. */
export function fillJournal(
  directory: string,
  options: { readonly records: number; readonly startMs: number; readonly endMs: number },
  onProgress: (records: number) => void,
): Filled {
  const limits = { bytesMax: 0, freeBytesMin: 0, whenFull: 'block' as const };
  const writer = new Writer(
    { directory, sync: 'normal', compressionLevel: 1, limits, receiptsWindowMs: 1_000 },
    { clock: systemClock, random: systemRandom },
    (message) => {
      if (message.kind === 'refused') throw new Error(message.error.message);
    },
  );
  const dice = new Dice(4_711);
  const bodies = makeBodies(dice);
  const step = (options.endMs - options.startMs) / options.records;
  let seq = writer.ready.nextSeq;
  let bytes = 0;
  let batches = 0;
  const shared = new SharedArrayBuffer(BATCH_BYTES + 8_192);
  const lines = Buffer.from(shared);
  for (let done = 0; done < options.records;) {
    const nowMs = options.startMs + done * step;
    const batch = fillBatch(lines, seq, nowMs, step, Math.min(options.records - done, 10_000), bodies, dice);
    writer.append([{ ...batch, shared, slabId: undefined }]);
    done += batch.records;
    seq += batch.records;
    bytes += batch.bytes;
    batches++;
    if (batches % 64 === 0) onProgress(done);
  }
  writer.close();
  return { records: options.records, bytes, batches };
}

function fillBatch(
  lines: Buffer,
  firstSeq: number,
  startMs: number,
  stepMs: number,
  recordsMax: number,
  bodies: { readonly runner: readonly Body[][]; readonly others: readonly Body[] },
  dice: Dice,
): Omit<HeldBatch, 'shared' | 'slabId'> {
  const hour = Math.floor(startMs / 3_600_000);
  const active = activeRepositories(hour);
  const head = `${LINE_HEAD}${eventIdPrefix('benchx', 1)}${'0'.repeat(9)}","created":"${' '.repeat(TIME_LENGTH)}","dataset":"`;
  const datasets: Record<string, number> = {};
  const streams = new Set<string>();
  let at = 0;
  let records = 0;
  let timeMs = startMs;
  let time = '';
  while (records < recordsMax && at < BATCH_BYTES - 4_096) {
    timeMs = Math.floor(startMs + records * stepMs);
    if (records % 16 === 0) time = new Date(timeMs).toISOString();
    const kind = dice.roll(10);
    const repository = dice.pick(active);
    const body = kind < 7 ? dice.pick(bodies.runner[repository]!) : dice.pick(bodies.others);
    if (kind < 7) streams.add(`run:${repositoryName(repository)}/1`);
    at += lines.write(head, at, 'latin1');
    writeSequence(lines, at - head.length + LINE_HEAD.length + 15, firstSeq + records);
    lines.write(time, at - head.length + CREATED_AT, 'latin1');
    at += lines.write(body.dataset, at, 'latin1');
    const start = at;
    at += body.bytes.copy(lines, at);
    const timeAt = lines.indexOf('TIME', start);
    lines.copyWithin(timeAt + TIME_LENGTH, timeAt + 4, at);
    lines.write(time, timeAt, 'latin1');
    at += TIME_LENGTH - 4;
    datasets[body.dataset] = (datasets[body.dataset] ?? 0) + 1;
    records++;
  }
  return {
    firstSeq,
    records,
    bytes: at,
    receivedFirstMs: Math.floor(startMs),
    receivedLastMs: timeMs,
    eventFirstMs: Math.floor(startMs),
    eventLastMs: timeMs,
    datasets,
    streams: [...streams],
    streamsCut: false,
    transient: false,
    receipts: [],
    continues: false,
    changes: [],
  };
}
