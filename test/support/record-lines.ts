import type { InputContext } from '../../relay/component/input.ts';
import { zoneOffset } from '../../relay/inputs/syslog/local-time.ts';
import type { HarborOptions } from '../../relay/inputs/syslog/options.ts';
import { SyslogRecords } from '../../relay/inputs/syslog/record.ts';
import { WHOLE, type FrameMarks } from '../../relay/inputs/syslog/write-marks.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import { sourceOf } from '../../relay/record/line-writer.ts';
import type { Recorder } from '../../relay/record/recorder.ts';
import { SlabPool } from '../../relay/record/slab.ts';
import { silentLog } from '../../relay/telemetry/logger.ts';
import type { ParsedRecord } from './input-harness.ts';

export interface RecordLineOptions {
  readonly keepOriginal?: boolean;
  readonly zone?: string;
  readonly nowMs?: number;
  readonly marks?: FrameMarks;
  readonly harbor?: Partial<HarborOptions>;
}

export const NOW_MS = Date.parse('2026-11-22T05:20:10.123Z');

/** What an input is given, over a recorder, where nothing is asked of it but to write. */
export function contextOver(recorder: Recorder): InputContext {
  return {
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
      harbor: { records: 0, lastMs: 0, silent: false },
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
  };
}

/** What the input `syslog` makes records with. */
export function syslogRecords(
  context: InputContext,
  { keepOriginal = false, zone = 'UTC', harbor = {} }: RecordLineOptions = {},
): SyslogRecords {
  return new SyslogRecords({
    context,
    dataset: context.dataset('syslog'),
    keepOriginal,
    zone: zoneOffset(zone)!,
    harbor: { detect: 'by_program', silence_warning_ms: 0, skew_ms: 300_000, ...harbor },
    heardHarbor: () => {},
  });
}

/** Makes records of syslog lines as the input `syslog` does, without a socket. */
export class LineRecorder {
  readonly #builder: BatchBuilder;
  readonly records: SyslogRecords;
  readonly context: InputContext;
  #json = '';

  constructor({ nowMs = NOW_MS, ...options }: RecordLineOptions = {}) {
    this.#builder = new BatchBuilder({
      pool: new SlabPool({ slabBytes: 1 << 13, idleMax: 1 }),
      idPrefix: eventIdPrefix('testnd', 1),
      firstSeq: 1,
      bytesMax: 1 << 20,
      nowMs: () => nowMs,
      onSealed: (batch) => {
        this.#json += batch.slab.bytes.toString('utf8', 0, batch.bytes);
        batch.slab.release();
      },
    });
    this.context = contextOver(this.#builder);
    this.records = syslogRecords(this.context, options);
  }

  /** The record of one line. Throws where it is not one line of JSON. */
  record(line: string | Uint8Array, marks: FrameMarks = WHOLE): ParsedRecord {
    const bytes = typeof line === 'string' ? Buffer.from(line) : line;
    // Other bytes around the line: nothing outside it may be looked at.
    const around = Buffer.alloc(bytes.length + 64, '9');
    around.set(bytes, 32);
    this.#json = '';
    this.records.write(sourceOf(around), 32, 32 + bytes.length, this.records.peer('10.1.2.3'), marks);
    this.#builder.seal();
    if (this.#json.indexOf('\n') !== this.#json.length - 1) throw new Error('a record is one line');
    return JSON.parse(this.#json) as ParsedRecord;
  }

  /** What was recorded since the last time, by whatever way. Throws where a line is no JSON. */
  take(): ParsedRecord[] {
    this.#builder.seal();
    const lines = this.#json.split('\n').slice(0, -1);
    this.#json = '';
    return lines.map((line) => JSON.parse(line) as ParsedRecord);
  }
}

/** The record of one line by a recorder that has seen no other. */
export function recordLine(line: string | Uint8Array, options: RecordLineOptions = {}): ParsedRecord {
  return new LineRecorder(options).record(line, options.marks);
}
