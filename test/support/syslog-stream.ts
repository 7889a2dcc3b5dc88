import { Socket } from 'node:net';
import { StreamSession } from '../../relay/inputs/syslog/stream-session.ts';
import type { ParsedRecord } from './input-harness.ts';
import { LineRecorder, type RecordLineOptions } from './record-lines.ts';

/** One connection to the input `syslog` without a socket: bytes in, records out. */
export class SyslogStream {
  /** Why the stream could not be read on. */
  fault: string | undefined;
  readonly #recorder: LineRecorder;
  readonly #session: StreamSession;

  constructor(options: RecordLineOptions = {}, recorder = new LineRecorder(options)) {
    this.#recorder = recorder;
    this.#session = new StreamSession(new Socket(), '10.1.2.3', 1 << 20, recorder.context, recorder.records);
  }

  /** The records that became of these bytes so far; with several chunks, as they would arrive. */
  receive(...chunks: ReadonlyArray<string | Buffer>): ParsedRecord[] {
    for (const chunk of chunks) this.fault ??= this.#session.receive(Buffer.from(chunk));
    return this.#recorder.take();
  }

  /** What waits no longer. */
  settle(nowMs: number): ParsedRecord[] {
    this.#session.settle(nowMs);
    return this.#recorder.take();
  }

  end(): ParsedRecord[] {
    this.#session.end();
    return this.#recorder.take();
  }

  get unfinished(): boolean {
    return this.#session.unfinished;
  }
}

/** All records of a connection on which this was sent. */
export function recordStream(chunks: ReadonlyArray<string | Buffer>, options: RecordLineOptions = {}): ParsedRecord[] {
  const stream = new SyslogStream(options);
  return [...stream.receive(...chunks), ...stream.end()];
}
