import { mkdirSync } from 'node:fs';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { Writer } from '../../relay/journal/sqlite/writer.ts';
import { eventIdPrefix, writeSequence } from '../../relay/record/event-id.ts';
import { heldBatch } from '../support/journal-bench.ts';

const RECORDS_PER_BATCH = 1_000;
const AGE_MS = 48 * 3_600_000;
const OPERATIONS = ['pull_artifact', 'create_artifact'] as const;

/** What stands at a place of the filled journal: every second record is a pull. */
export function operationAt(seq: number): (typeof OPERATIONS)[number] {
  return OPERATIONS[seq % 2 === 1 ? 0 : 1];
}

/** Fills a journal with Harbor's records of two days ago, and leaves it to an endpoint that has had none of them. */
export function fillJournal(directory: string, records: number, owedEndpoint: string): void {
  mkdirSync(directory, { recursive: true });
  const writer = new Writer(
    {
      directory,
      sync: 'normal',
      compressionLevel: 1,
      limits: { bytesMax: 0, freeBytesMin: 0, whenFull: 'block' },
      receiptsWindowMs: 3_600_000,
    },
    { clock: systemClock, random: systemRandom },
    () => {},
  );
  writer.openCursor(owedEndpoint, 'first');
  const prefix = eventIdPrefix(writer.ready.node, writer.ready.bootSeconds);
  for (let seq = 1; seq <= records; seq += RECORDS_PER_BATCH)
    writer.append([batchAt(seq, Math.min(RECORDS_PER_BATCH, records - seq + 1), prefix)]);
  writer.close();
}

function batchAt(firstSeq: number, records: number, prefix: string): ReturnType<typeof heldBatch> {
  const receivedMs = Date.now() - AGE_MS + firstSeq;
  const created = new Date(receivedMs).toISOString();
  const id = Buffer.alloc(9);
  const lines = Array.from({ length: records }, (_, i) => {
    const seq = firstSeq + i;
    writeSequence(id, 0, seq);
    const operation = operationAt(seq);
    const message = `action:${operation.split('_')[0]}, resource:team-${seq % 7}/api/web:v${seq}, operation_description:of record ${seq}`;
    return (
      `{"event":{"id":"${prefix}${id.toString()}","created":"${created}","dataset":"harbor.audit","action":"${operation}"},"@timestamp":"${created}",` +
      `"message":"${message}","host":{"name":"core-1"},"user":{"name":"robot$team-${seq % 7}+ci"},"harbor":{"operation":"${operation}",` +
      `"action":"${operation.split('_')[0]}","resource_type":"artifact","resource":"team-${seq % 7}/api/web:v${seq}",` +
      `"operator":"robot$team-${seq % 7}+ci","legacy":false,"repository":"team-${seq % 7}/api/web","project":"team-${seq % 7}","seq":${seq}}}\n`
    );
  });
  const bytes = Buffer.from(lines.join(''));
  const shared = new SharedArrayBuffer(bytes.length);
  bytes.copy(Buffer.from(shared));
  return heldBatch(firstSeq, [''], {
    records,
    shared,
    bytes: bytes.length,
    receivedFirstMs: receivedMs,
    receivedLastMs: receivedMs,
    eventFirstMs: receivedMs,
    eventLastMs: receivedMs,
    datasets: { 'harbor.audit': records },
    streams: ['host:core-1'],
  });
}
