import { isDamage, type Sqlite, type Statement } from './database.ts';

/** Stream ids kept in memory, so that most batches need no look-up. */
const STREAM_IDS_MAX = 50_000;
/**
 * The streams of so many large batches are entered together. One by one, each commit would write a page of the index for every host that
 * it heard from, several times what its records take.
 */
const LARGE_MAX = 64;
/** Readers look through the batches that are not entered yet, so they must be few even where hardly any is large. */
const BATCHES_MAX = 512;
/** Batches entered in one go, where many wait: after a salvage. */
const STEP_BATCHES = 256;

/** The setting with the place from which on large batches are not in the index yet. */
const ENTERED_TO = 'streams_entered_to';

/** The same place for whoever reads, as SQL. A journal that no version with this setting has written lacks nothing. */
export const ENTERED_TO_SQL = `coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = '${ENTERED_TO}'), 9007199254740991)`;

/** Which streams a batch touches, the other way round: the tables `stream` and `batch_stream`. Methods that write expect a transaction. */
export class StreamIndex {
  readonly #ids = new Map<string, number>();
  readonly #insertName: Statement;
  readonly #selectName: Statement;
  readonly #insert: Statement;
  readonly #insertMany: Statement;
  readonly #waiting: Statement;
  readonly #enteredTo: Statement;
  #large = 0;
  #batches = 0;

  constructor(database: Sqlite) {
    this.#insertName = database.prepare('INSERT INTO stream (name) VALUES (?)');
    this.#selectName = database.prepare('SELECT id FROM stream WHERE name = ?').pluck();
    this.#insert = database.prepare('INSERT OR IGNORE INTO batch_stream (stream_id, first_seq) VALUES (?, ?)');
    this.#insertMany = database.prepare(
      'INSERT OR IGNORE INTO batch_stream (stream_id, first_seq) SELECT ?, value FROM json_each(?)',
    );
    this.#waiting = database.prepare(
      `SELECT first_seq, streams FROM batch NOT INDEXED WHERE first_seq >= ${ENTERED_TO_SQL} AND hash_of = 'payload'
       ORDER BY first_seq LIMIT ${STEP_BATCHES}`,
    );
    this.#enteredTo = database.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)');
    this.reload();
  }

  /** Enters one batch. */
  enter(firstSeq: number, streams: readonly string[]): void {
    for (const name of streams) this.#insert.run(this.#id(name), firstSeq);
  }

  /** Tells of a batch that was inserted. A large one is entered later, with others. */
  inserted(small: boolean): void {
    this.#batches++;
    if (!small) this.#large++;
  }

  /** Enters the large batches before `nextSeq`, the journal's end, where enough have gathered. */
  catchUp(nextSeq: number): void {
    if (this.#large < LARGE_MAX && this.#batches < BATCHES_MAX) return;
    const rows = this.#large === 0 ? [] : this.#rows();
    if (rows === undefined) {
      this.#large = 0;
      this.#batches = 0;
      return;
    }
    const places = new Map<string, number[]>();
    for (const row of rows) {
      for (const name of streamsOf(row)) {
        const known = places.get(name);
        if (known === undefined) places.set(name, [row.first_seq]);
        else known.push(row.first_seq);
      }
    }
    for (const [name, seqs] of places) this.#insertMany.run(this.#id(name), JSON.stringify(seqs));
    const isAll = rows.length < STEP_BATCHES;
    this.#enteredTo.run(ENTERED_TO, String(isAll ? nextSeq : rows.at(-1)!.first_seq + 1));
    if (!isAll) return;
    this.#large = 0;
    this.#batches = 0;
  }

  /** Finds what waits: at a start, and after a roll-back. */
  reload(): void {
    this.#ids.clear();
    this.#large = this.#rows()?.length ?? 0;
    this.#batches = this.#large;
  }

  /** To be called where names were removed from the table. */
  forgetNames(): void {
    this.#ids.clear();
  }

  /** Undefined where they cannot be read: whoever reads the batches for themselves sees to the damage, and they go on waiting. */
  #rows(): Row[] | undefined {
    try {
      return this.#waiting.all() as Row[];
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  #id(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const found = this.#selectName.get(name);
    const id = typeof found === 'number' ? found : Number(this.#insertName.run(name).lastInsertRowid);
    if (this.#ids.size >= STREAM_IDS_MAX) this.#ids.clear();
    this.#ids.set(name, id);
    return id;
  }
}

interface Row {
  readonly first_seq: number;
  readonly streams: string;
}

/** The names in a row; none where it is damaged, which shows when it is read. */
function streamsOf({ streams }: Row): readonly string[] {
  try {
    return JSON.parse(streams) as string[];
  } catch {
    return [];
  }
}
