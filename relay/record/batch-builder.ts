import type { BuiltBatch, Receipt, StreamName } from './batch.ts';
import type { BatchFilter } from './batch-filter.ts';
import { EVENT_ID_LENGTH, writeSequence } from './event-id.ts';
import { LineWriter, TEXT_EXPANSION_MAX, fragment, type Source } from './line-writer.ts';
import { LINE_HEAD } from './lines.ts';
import type { Dataset, Recorder } from './recorder.ts';
import { Slab, type SlabPool } from './slab.ts';
import { StreamSet } from './stream-set.ts';
import { IsoClockText } from './time.ts';

/** Room for a record's fields beside its text. */
const FIELDS_BYTES_MAX = 4_096;
/** The text may be written twice (parsed and `event.original`), each in its worst form, and once in base64. */
const TEXT_COPIES = 2 * TEXT_EXPANSION_MAX + 2;

export interface BatchBuilderOptions {
  readonly pool: SlabPool;
  /** The first 15 characters of every `event.id`. */
  readonly idPrefix: string;
  readonly firstSeq: number;
  /** A batch is sealed when it has this many bytes. */
  readonly bytesMax: number;
  readonly nowMs: () => number;
  /** Takes each batch as it is sealed, in the order of its records. */
  readonly onSealed: (batch: BuiltBatch) => void;
}

/** The part of a line that is the same for all records of one dataset at one time: up to and including the dataset. */
interface Prefix {
  readonly source: Source;
  readonly createdAt: number;
  createdMs: number;
}

/**
 * Builds batches: numbers the records, writes the start of each line, and keeps what the journal's index needs to know. Holds one
 * open batch, in one slab.
 */
export class BatchBuilder implements Recorder {
  readonly #options: BatchBuilderOptions;
  readonly #writer = new LineWriter(Buffer.alloc(0));
  readonly #streams = new StreamSet();
  readonly #prefixes = new Map<string, Prefix>();
  readonly nowText: Source;
  readonly #now = new IsoClockText();
  nowMs = 0;
  /** What every batch goes through before it is handed over. */
  filter: BatchFilter | undefined;

  #slab: Slab | undefined;
  #firstSeq: number;
  #records = 0;
  #transient = false;
  #receivedFirstMs = 0;
  #eventFirstMs = 0;
  #eventLastMs = 0;
  #datasets = new Map<string, number>();
  /** The dataset of the records that came last, and how many they were: they are not in `#datasets` yet. */
  #dataset: Dataset | undefined;
  #datasetRecords = 0;
  /** That dataset's. */
  #lastPrefix: Prefix | undefined;
  #receipts: Receipt[] = [];
  #changes: object[] = [];
  /** True within a request. */
  #continues = false;
  /** True where the last sealed batch said that its request goes on: another one must follow. */
  #owesEnd = false;
  /** Where the open record begins; -1 between records. */
  #recordStart = -1;

  constructor(options: BatchBuilderOptions) {
    this.#options = options;
    this.#firstSeq = options.firstSeq;
    this.nowText = this.#now.source;
    this.touch();
  }

  /** Records in the open batch. */
  get records(): number {
    return this.#records;
  }

  /** Bytes in the open batch. */
  get openBytes(): number {
    return this.#records === 0 ? 0 : this.#writer.position;
  }

  /** The place that the next record will get. */
  get nextSeq(): number {
    return this.#firstSeq + this.#records;
  }

  touch(): void {
    const nowMs = this.#options.nowMs();
    if (nowMs === this.nowMs) return;
    this.nowMs = nowMs;
    this.#now.set(nowMs);
  }

  open(dataset: Dataset, textBytes: number): LineWriter {
    const bytesNeeded = textBytes * TEXT_COPIES + FIELDS_BYTES_MAX;
    const transient = !dataset.stored;
    if (this.#recordStart >= 0) this.#abandonRecord();
    if (this.#records > 0 && transient !== this.#transient) this.seal();
    if (this.#slab === undefined || this.#slab.size - this.#writer.position < bytesNeeded) this.#nextSlab(bytesNeeded);
    if (this.#records === 0) this.#begin(transient);
    if (dataset !== this.#dataset) this.#nextDataset(dataset);
    this.#datasetRecords++;
    const writer = this.#writer;
    const prefix = this.#prefix(dataset);
    const start = writer.position;
    this.#recordStart = start;
    writer.raw(prefix.source);
    writeSequence(writer.bytes, start + LINE_HEAD.length + 15, this.#firstSeq + this.#records);
    return writer;
  }

  stream(kind: string, name: Source, start: number, end: number): void {
    this.#streams.add(kind, name, start, end);
  }

  close(eventTimeMs: number): void {
    const writer = this.#writer;
    writer.byte(0x7d);
    writer.byte(0x0a);
    if (this.#records === 0) {
      this.#eventFirstMs = eventTimeMs;
      this.#eventLastMs = eventTimeMs;
    } else if (eventTimeMs < this.#eventFirstMs) {
      this.#eventFirstMs = eventTimeMs;
    } else if (eventTimeMs > this.#eventLastMs) {
      this.#eventLastMs = eventTimeMs;
    }
    this.#records++;
    this.#recordStart = -1;
    if (writer.position >= this.#options.bytesMax) this.seal();
  }

  /** What is recorded from here up to `endRequest` is committed together, however many batches it takes. */
  beginRequest(): void {
    this.#continues = true;
  }

  /** Ends a request; its key, and what else the journal is to change, is committed with its last record. */
  endRequest(key: string | undefined, changes?: object): void {
    this.#continues = false;
    if (key !== undefined) this.#receipts.push({ key });
    if (changes !== undefined) this.#changes.push(changes);
    // The journal holds back what goes on until its end has come: nothing else may be waited for.
    if (this.#owesEnd) this.seal();
  }

  /** Hands over the open batch, if it holds anything, or if it ends a request that filled the one before. */
  seal(): void {
    if (this.#recordStart >= 0) this.#abandonRecord();
    if (this.#records === 0 && !this.#carries && !this.#owesEnd) return;
    this.#nextDataset(undefined);
    const slab = this.#slab;
    if (this.filter !== undefined && slab !== undefined && this.#records > 0)
      this.#writer.position = this.filter.rewrite(slab.bytes, this.#writer.position, this.#datasets);
    const keepSlab = this.#writer.position <= SMALL_BATCH_BYTES;
    const batch: BuiltBatch = {
      firstSeq: this.#firstSeq,
      records: this.#records,
      slab: slab === undefined || keepSlab ? copyOf(slab, this.#writer.position) : slab,
      bytes: this.#writer.position,
      // A clock that was set back must not turn the two round.
      receivedFirstMs: Math.min(this.#receivedFirstMs, this.nowMs),
      receivedLastMs: Math.max(this.#receivedFirstMs, this.nowMs),
      eventFirstMs: this.#eventFirstMs,
      eventLastMs: this.#eventLastMs,
      datasets: Object.fromEntries(this.#datasets),
      streams: this.#streamNames(),
      streamsCut: this.#streams.full,
      transient: this.#transient,
      receipts: this.#receipts,
      changes: this.#changes,
      continues: this.#continues,
    };
    this.#firstSeq += this.#records;
    this.#records = 0;
    this.#receipts = [];
    this.#changes = [];
    this.#owesEnd = this.#continues;
    if (!keepSlab) this.#slab = undefined;
    this.#writer.position = 0;
    this.#datasets = new Map();
    this.#streams.clear();
    this.#options.onSealed(batch);
  }

  #streamNames(): StreamName[] {
    const names = this.#streams.names();
    const { filter } = this;
    return filter === undefined ? names : [...new Set(names.map((name) => filter.rename(name)))];
  }

  /** True where nothing waits to be sealed. */
  get isEmpty(): boolean {
    return this.#records === 0 && !this.#carries;
  }

  /** True where something is to be committed beside records. */
  get #carries(): boolean {
    return this.#receipts.length > 0 || this.#changes.length > 0;
  }

  /** Takes back a record that was begun and not ended: whoever wrote it has failed. */
  #abandonRecord(): void {
    this.#writer.position = this.#recordStart;
    this.#recordStart = -1;
    this.#datasetRecords--;
  }

  /** Enters the records of the dataset at hand into the batch's counts; what follows is of another one. */
  #nextDataset(dataset: Dataset | undefined): void {
    if (this.#dataset !== undefined && this.#datasetRecords > 0) {
      const { name } = this.#dataset;
      this.#datasets.set(name, (this.#datasets.get(name) ?? 0) + this.#datasetRecords);
    }
    this.#dataset = dataset;
    this.#datasetRecords = 0;
    this.#lastPrefix = undefined;
  }

  #begin(transient: boolean): void {
    this.#transient = transient;
    this.#receivedFirstMs = this.nowMs;
  }

  #nextSlab(bytesNeeded: number): void {
    if (this.#records > 0 || this.#carries) this.seal();
    this.#slab?.release();
    const slab = this.#options.pool.take(bytesNeeded);
    this.#slab = slab;
    this.#writer.bytes = slab.bytes;
    this.#writer.view = slab.view;
    this.#writer.position = 0;
  }

  #prefix(dataset: Dataset): Prefix {
    let prefix = this.#lastPrefix ?? this.#prefixes.get(dataset.name);
    if (prefix === undefined) {
      const head = `${LINE_HEAD}${this.#options.idPrefix}${'0'.repeat(EVENT_ID_LENGTH - 15)}","created":"`;
      prefix = {
        source: fragment(`${head}1970-01-01T00:00:00.000Z","dataset":${JSON.stringify(dataset.name)}`),
        createdAt: Buffer.byteLength(head),
        createdMs: Number.NaN,
      };
      // Names come from the configuration or from a sender; a sender must not make this map grow without end.
      if (this.#prefixes.size >= PREFIXES_MAX) this.#prefixes.clear();
      this.#prefixes.set(dataset.name, prefix);
    }
    this.#lastPrefix = prefix;
    if (prefix.createdMs !== this.nowMs) {
      prefix.source.bytes.set(this.nowText.bytes, prefix.createdAt);
      prefix.createdMs = this.nowMs;
    }
    return prefix;
  }
}

const PREFIXES_MAX = 1_000;

/** A small batch gets memory to measure, so that a slow trickle of records does not hold a whole slab for each. */
const SMALL_BATCH_BYTES = 65_536;

function copyOf(slab: Slab | undefined, bytes: number): Slab {
  const copy = new Slab(Math.max(1, bytes));
  slab?.bytes.copy(copy.bytes, 0, 0, bytes);
  return copy;
}
