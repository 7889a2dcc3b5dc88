import type { InputContext } from '../../relay/component/input.ts';
import { zoneOffset } from '../../relay/inputs/syslog/local-time.ts';
import { SyslogRecords, WHOLE, type FrameMarks } from '../../relay/inputs/syslog/record.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { SlabPool } from '../../relay/record/slab.ts';
import { silentLog } from '../../relay/telemetry/logger.ts';
import type { ParsedRecord } from './input-harness.ts';

export interface RecordLineOptions {
  readonly keepOriginal?: boolean;
  readonly zone?: string;
  readonly nowMs?: number;
  readonly marks?: FrameMarks;
}

export const NOW_MS = Date.parse('2026-11-22T05:20:10.123Z');

/** Makes the record of one syslog line, as the input `syslog` does, without a socket. Throws where it is not one line of JSON. */
export function recordLine(line: string | Uint8Array, options: RecordLineOptions = {}): ParsedRecord {
  const { keepOriginal = false, zone = 'UTC', nowMs = NOW_MS, marks = WHOLE } = options;
  const bytes = typeof line === 'string' ? Buffer.from(line) : line;
  let json = '';
  const recorder = new BatchBuilder({
    pool: new SlabPool({ slabBytes: 1 << 16, idleMax: 1 }),
    idPrefix: eventIdPrefix('testnd', 1),
    firstSeq: 1,
    bytesMax: 1 << 20,
    nowMs: () => nowMs,
    onSealed: (batch) => (json += batch.slab.bytes.toString('utf8', 0, batch.bytes)),
  });
  const context = {
    name: 'edge',
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    counters: {
      records: 0,
      bytes: 0,
      connections: 0,
      connectionsTotal: 0,
      repeats: 0,
      dropped: () => {},
      flagged: () => {},
      refused: () => {},
    },
    recorder,
    dataset: (name: string) => ({ name, stored: true }),
    accept: () => Promise.reject(new Error('syslog has no acknowledgement')),
    congested: false,
    relieved: () => Promise.resolve(),
    flush: () => {},
  } satisfies InputContext;
  const records = new SyslogRecords({
    context,
    dataset: context.dataset('syslog'),
    keepOriginal,
    zone: zoneOffset(zone)!,
  });
  // Other bytes around the line: nothing outside it may be looked at.
  const around = Buffer.alloc(bytes.length + 64, '9');
  around.set(bytes, 32);
  records.write(sourceOf(around), 32, 32 + bytes.length, records.peer('10.1.2.3'), marks);
  recorder.seal();
  if (json.indexOf('\n') !== json.length - 1) throw new Error('a record is one line');
  return JSON.parse(json) as ParsedRecord;
}
