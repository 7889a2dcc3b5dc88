import type { BatchHeader, Catalog } from '../journal/catalog.ts';
import type { Verdict } from './batch-verdict.ts';
import type { CompiledQuery } from './compile.ts';
import type { SearchProgress, SearchScope } from './request.ts';

export interface WalkOptions extends SearchScope {
  readonly order: 'newest' | 'oldest';
  readonly cursor?: number | undefined;
}

/** A batch that may hold what is meant. */
export interface WalkedBatch {
  readonly header: BatchHeader;
  readonly verdict: Exclude<Verdict, 'none'>;
  /** Of its records only those from here … */
  readonly fromSeq: number;
  /** … up to here, not included: the others were passed already, before the batch was merged. */
  readonly endSeq: number;
}

/** Headers asked for at once: few at first, so that the first records come soon. */
const PAGE_MIN = 16;
const PAGE_MAX = 512;

/** A batch that is never what its header says is not waited for. */
const TURNED_BACK_MAX = 4;

/**
 * Goes through the journal's batches in one direction and passes over those that cannot hold what is meant. While it does, the journal's
 * writer merges and removes batches; no record is passed twice for it, and none is missed that stays.
 */
export class BatchWalk {
  readonly #catalog: Catalog;
  readonly #query: CompiledQuery;
  readonly #options: WalkOptions;
  readonly #streams: ReadonlySet<number> | undefined;
  readonly #startSeq: number;
  readonly #lastSeq: number;
  /** Newest first: all from here on was passed. Oldest first: all before it was. */
  #bound: number;
  #page: BatchHeader[] = [];
  #sketches: ReadonlyMap<number, Buffer> = new Map();
  #pageSize = PAGE_MIN;
  #ended = false;
  #turnedBack = 0;
  found = 0;
  #read = 0;
  #skipped = 0;
  #unreadable = 0;
  #records = 0;
  #bytes = 0;

  constructor(catalog: Catalog, query: CompiledQuery, options: WalkOptions) {
    this.#catalog = catalog;
    this.#query = query;
    this.#options = options;
    this.#streams = options.streams === undefined ? undefined : catalog.firstSeqsOf(options.streams);
    const { order, cursor, fromSeq = 0 } = options;
    const [first, next] = [Math.max(catalog.firstSeq(), fromSeq), catalog.nextSeq()];
    this.#startSeq =
      order === 'newest' ? Math.min(cursor ?? next, next) : Math.max(cursor === undefined ? first : cursor + 1, first);
    this.#lastSeq = order === 'newest' ? first : next;
    this.#bound = this.#startSeq;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get progress(): SearchProgress {
    const all = Math.abs(this.#lastSeq - this.#startSeq);
    return {
      part: this.#ended || all === 0 ? 1 : Math.min(1, Math.abs(this.#bound - this.#startSeq) / all),
      found: this.found,
      batchesRead: this.#read,
      batchesSkipped: this.#skipped,
      batchesUnreadable: this.#unreadable,
      recordsRead: this.#records,
      bytesRead: this.#bytes,
    };
  }

  /** The cursor that goes on where this is. */
  get cursor(): number {
    return this.#options.order === 'newest' ? this.#bound : this.#bound - 1;
  }

  /** The next batch that may hold something; undefined where there is none for now: see `ended`. Looks at a bounded number of headers. */
  next(): WalkedBatch | undefined {
    if (this.#page.length === 0 && !this.#turnPage()) return undefined;
    const header = this.#page[0]!;
    const verdict = this.#verdict(header);
    const isNewest = this.#options.order === 'newest';
    const headerEnd = header.firstSeq + header.records;
    const batch = {
      header,
      fromSeq: Math.max(header.firstSeq, isNewest ? this.#lastSeq : this.#bound),
      endSeq: isNewest ? Math.min(headerEnd, this.#bound) : Math.min(headerEnd, this.#lastSeq),
    };
    if (verdict !== 'none' && batch.fromSeq < batch.endSeq) return { ...batch, verdict };
    this.#skipped++;
    this.pass(header);
    return undefined;
  }

  /** The lines of the batch that `next` gave. Undefined where they cannot be had: then it was passed, or is to be asked for again. */
  read(header: BatchHeader): Buffer | undefined {
    const found = this.#catalog.lines(header);
    if (found.kind === 'lines') {
      this.#read++;
      this.#records += header.records;
      this.#bytes += header.lineBytes;
      return found.lines;
    }
    if (found.kind === 'changed' && ++this.#turnedBack < TURNED_BACK_MAX) {
      // Its records stand in another row now, if they are still there: so the page is turned anew.
      this.#page = [];
    } else {
      this.#unreadable++;
      this.pass(header);
    }
    return undefined;
  }

  /** Says that the batch that `next` gave has been dealt with. */
  pass(header: BatchHeader): void {
    this.#turnedBack = 0;
    this.#page.shift();
    this.#bound =
      this.#options.order === 'newest'
        ? Math.min(this.#bound, header.firstSeq)
        : Math.max(this.#bound, header.firstSeq + header.records);
  }

  #turnPage(): boolean {
    const { order, range } = this.#options;
    this.#page =
      order === 'newest'
        ? this.#catalog
            .before(this.#bound, this.#pageSize, range)
            .filter(({ firstSeq, records }) => firstSeq + records > this.#lastSeq)
        : this.#catalog.from(this.#bound, this.#pageSize, range).filter(({ firstSeq }) => firstSeq < this.#lastSeq);
    this.#pageSize = Math.min(PAGE_MAX, this.#pageSize * 4);
    this.#ended = this.#page.length === 0;
    this.#sketches = this.#query.needs.length === 0 ? new Map() : this.#catalog.sketchesOf(this.#page);
    return !this.#ended;
  }

  #verdict(header: BatchHeader): Verdict {
    if (this.#streams !== undefined && header.streamsKnown && !this.#streams.has(header.firstSeq)) return 'none';
    return this.#query.judge(header, this.#sketches.get(header.firstSeq));
  }
}
