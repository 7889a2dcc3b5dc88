import { z } from 'zod';
import type { RuleCount } from '../../relay/component/filter.ts';
import { redact } from '../../relay/filters/redact/index.ts';
import type { BuiltBatch } from '../../relay/record/batch.ts';
import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { writeBase64 } from '../../relay/record/base64.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import { fragment, sourceOf } from '../../relay/record/line-writer.ts';
import { SlabPool } from '../../relay/record/slab.ts';
import { FakeClock } from './fake-clock.ts';

export interface BenchRecord {
  readonly event: { readonly id: string; readonly dataset: string };
  readonly message?: unknown;
  readonly [member: string]: unknown;
}

/** The redact filter in a real batch builder: records go in, what the journal would get comes out. */
export class RedactBench {
  readonly counts = new Map<string, RuleCount>();
  readonly clock = new FakeClock();
  readonly logged: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
  readonly builder: BatchBuilder;
  readonly #batches: BuiltBatch[] = [];
  dataset = 'syslog';

  constructor(options: unknown = [{}]) {
    this.builder = new BatchBuilder({
      pool: new SlabPool({ slabBytes: 1_048_576, idleMax: 2 }),
      idPrefix: eventIdPrefix('testnd', 1),
      firstSeq: 1,
      bytesMax: 524_288,
      nowMs: () => Date.parse('2026-11-22T05:20:10.123Z'),
      onSealed: (batch) => this.#batches.push(batch),
    });
    const at =
      (level: string) =>
      (message: string, fields: object = {}): void =>
        void this.logged.push({ level, message, fields });
    const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
    const parsed = z.parse(redact.options, options);
    this.builder.filter = redact.create(parsed, { clock: this.clock, log, counts: this.counts });
  }

  /** Writes a record whose members besides `event` are given as JSON text; `{"message":"x"}` is one. */
  json(members: string): void {
    const text = Buffer.from(members.slice(1, -1));
    const writer = this.builder.open({ name: this.dataset, stored: true }, text.length);
    writer.raw(fragment('}'));
    if (text.length > 0) writer.byte(0x2c);
    writer.copy(sourceOf(text), 0, text.length);
    this.builder.close(this.builder.nowMs);
  }

  message(text: string, members: object = {}): void {
    this.json(JSON.stringify({ message: text, ...members }));
  }

  /** A record whose text is kept as bytes. */
  bytes(raw: Uint8Array): void {
    const source = sourceOf(raw);
    const writer = this.builder.open({ name: this.dataset, stored: true }, raw.length);
    writer.raw(fragment('},"message":"'));
    writer.text(source, 0, raw.length);
    writer.raw(fragment('","spillway":{"original_base64":"'));
    writeBase64(writer, source, 0, raw.length);
    writer.raw(fragment('"}'));
    this.builder.close(this.builder.nowMs);
  }

  stream(kind: string, name: string): void {
    const source = sourceOf(Buffer.from(name));
    this.builder.stream(kind, source, 0, source.bytes.length);
  }

  /** The batches since the last call. */
  batches(): BuiltBatch[] {
    this.builder.seal();
    return this.#batches.splice(0);
  }

  /** The lines since the last call, as they would be stored. */
  lines(): string[] {
    return this.batches().flatMap((batch) => {
      const lines = batch.slab.bytes.toString('utf8', 0, batch.bytes).split('\n').slice(0, -1);
      batch.slab.release();
      return lines;
    });
  }

  /** The same, parsed. Throws where a line is not valid JSON. */
  records(): BenchRecord[] {
    return this.lines().map((line) => JSON.parse(line) as BenchRecord);
  }

  /** What becomes of one message. */
  masked(text: string): unknown {
    this.message(text);
    return this.records()[0]?.message;
  }

  places(rule: string): number {
    return this.counts.get(rule)?.places ?? 0;
  }
}
