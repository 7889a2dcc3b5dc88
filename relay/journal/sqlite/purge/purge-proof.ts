import { forEachLine } from '../../../record/lines.ts';
import type { BatchRow } from '../batch-row.ts';
import { nextLink } from '../chain.ts';
import type { Sqlite, Statement } from '../database.ts';
import type { GapRow } from '../gaps.ts';
import { CertificateTable, type CertificateBody } from './certificate-table.ts';
import { DIGEST_START, nextDigest, type PurgeItem } from './items.ts';
import { CERTIFICATE_DATASET } from './selector.ts';
import { contentHash } from '../chain.ts';

export type Report = (seq: number, problem: string) => void;

interface Told {
  readonly purge: number;
  readonly hash: string;
  readonly seq: number;
}

/** Holds what purges say of themselves against what they left: their items against batches and gaps, certificates against items and stream. */
export class PurgeProof {
  readonly #database: Sqlite;
  readonly #report: Report;
  readonly #itemsOf: Statement;
  readonly #itemsBetween: Statement;
  readonly #absentOf: Statement;
  readonly #told: Told[] = [];

  constructor(database: Sqlite, report: Report) {
    this.#database = database;
    this.#report = report;
    this.#itemsOf = database.prepare('SELECT * FROM purge_item WHERE first_seq = ? ORDER BY run_id');
    this.#itemsBetween = database.prepare(
      'SELECT * FROM purge_item WHERE first_seq >= ? AND first_seq < ? ORDER BY first_seq, run_id',
    );
    this.#absentOf = database.prepare('SELECT records FROM batch_absent WHERE first_seq = ?').pluck();
  }

  /**
   * Checks a batch against the purges that took from it. Returns its link as its history gives it; undefined where no purge touched it, so
   * that it must prove itself.
   */
  batch(row: BatchRow, content: () => Buffer, before: Buffer): Buffer | undefined {
    if (row.datasets.includes(CERTIFICATE_DATASET)) this.#readCertificates(row, content());
    const items = this.#itemsOf.all(row.first_seq) as PurgeItem[];
    const absent = Number(this.#absentOf.get(row.first_seq) ?? 0);
    if (items.length === 0) {
      if (absent > 0)
        this.#report(row.first_seq, `${absent} of its records are said to be purged, and no purge says so`);
      return undefined;
    }
    let empty = row.records;
    forEachLine(content(), () => empty--);
    const taken = items.reduce((sum, item) => sum + item.taken, 0);
    if (taken !== empty || absent !== empty)
      this.#report(row.first_seq, `${empty} of its records are gone, and purges say that they took ${taken}`);
    if (!(items.at(-1)!.content_after?.equals(row.payload_hash) ?? false))
      this.#report(row.first_seq, `it is not as purge ${items.at(-1)!.run_id} left it: it was changed`);
    return this.#link(items, before);
  }

  /** Checks that purges account for everything that a gap says they took. Calls back with each link that is known inside of it. */
  gap(gap: GapRow, atLink: (seq: number, link: Buffer) => void): void {
    const items = this.#itemsBetween.iterate(gap.first_seq, gap.first_seq + gap.records) as IterableIterator<PurgeItem>;
    let seq = gap.first_seq;
    let link: Buffer = gap.chain_before;
    let sum = 0;
    for (const history of histories(items)) {
      const [first] = history;
      if (first!.first_seq !== seq || history.at(-1)!.content_after !== null) break;
      link = this.#link(history, link) ?? first!.link_after;
      seq += first!.records;
      sum += history.reduce((total, item) => total + item.taken, 0);
      atLink(seq, link);
    }
    if (seq !== gap.first_seq + gap.records || sum !== gap.records)
      this.#report(seq, 'records are gone from here, said to be purged, and no purge says that it took them');
    else if (gap.chain_after.length > 0 && !link.equals(gap.chain_after))
      this.#report(gap.first_seq, 'what purges say of the records gone from here does not fit what follows');
  }

  /** The link after a batch, by what the purges that took from it kept of it. */
  #link(items: readonly PurgeItem[], before: Buffer): Buffer | undefined {
    const first = items[0]!;
    for (const [i, item] of items.entries()) {
      const previous = items[i - 1];
      if (previous === undefined) continue;
      const joins = previous.content_after?.equals(item.content_before) ?? false;
      if (!joins || !item.link_after.equals(first.link_after))
        this.#report(item.first_seq, `purges ${previous.run_id} and ${item.run_id} do not agree about this batch`);
    }
    if (before.length === 0) return first.link_after;
    if (!first.link_before.equals(before))
      this.#report(first.first_seq, `what purge ${first.run_id} took here does not fit what stands before it`);
    if (first.merged === 1) return first.link_after;
    return nextLink(before, { firstSeq: first.first_seq, records: first.records, hash: first.content_before });
  }

  #readCertificates(row: BatchRow, lines: Buffer): void {
    forEachLine(lines, (start, end, index) => {
      const text = lines.toString('utf8', start, end);
      if (!text.includes(`"${CERTIFICATE_DATASET}"`)) return;
      const told = toldIn(text);
      if (told !== undefined) this.#told.push({ ...told, seq: row.first_seq + index });
    });
  }

  /** Checks the certificates, once all batches were read. `goneAt` says whether a place has gone for another reason. Returns their number. */
  certificates(goneAt: (seq: number) => boolean): number {
    const all = new CertificateTable(this.#database).all();
    let previous = '';
    for (const { runId, body, hash, hashBytes, toldSeq } of all) {
      const said = bodyOf(body);
      const seq = said?.range.first_seq ?? toldSeq ?? 0;
      const wrong = (problem: string): void => this.#report(seq, `the certificate of purge ${runId} ${problem}`);
      if (!contentHash(Buffer.from(body)).equals(hashBytes) || said === undefined) wrong('was changed');
      else if (said.purge !== runId) wrong('is that of another purge');
      else if (said.previous !== previous) wrong('does not follow the one before it: one was changed or removed');
      else this.#items(said, wrong);
      const told = this.#told.filter(({ purge }) => purge === runId);
      if (told.some((one) => one.hash !== hash)) wrong('is not the one that was told in the stream');
      if (toldSeq !== undefined && told.length === 0 && !goneAt(toldSeq))
        this.#report(toldSeq, `the certificate of purge ${runId} is missing from the stream`);
      previous = hash;
    }
    const known = new Set(all.map(({ runId }) => runId));
    for (const { purge, seq } of this.#told)
      if (!known.has(purge)) this.#report(seq, `the certificate of purge ${purge} was removed: the stream tells of it`);
    this.#uncertified(known);
    return all.length;
  }

  #items(said: CertificateBody, wrong: (problem: string) => void): void {
    let digest: Buffer = DIGEST_START;
    let count = 0;
    const items = this.#database
      .prepare('SELECT * FROM purge_item WHERE run_id = ? ORDER BY first_seq')
      .iterate(said.purge) as IterableIterator<PurgeItem>;
    for (const item of items) {
      digest = nextDigest(digest, item);
      count++;
    }
    if (count !== said.items || digest.toString('hex') !== said.items_digest)
      wrong('does not fit the list of what it took: that was changed');
  }

  /** What a purge took that has neither a certificate nor is under way. */
  #uncertified(certified: ReadonlySet<number>): void {
    const runs = this.#database
      .prepare(
        `SELECT run_id AS id, min(first_seq) AS seq FROM purge_item WHERE run_id NOT IN
           (SELECT id FROM purge_run WHERE state IN ('running', 'waiting')) GROUP BY run_id`,
      )
      .all() as { id: number; seq: number }[];
    for (const { id, seq } of runs)
      if (!certified.has(id)) this.#report(seq, `purge ${id} took records and its certificate is missing`);
  }
}

/** Items of one batch after the other. */
function* histories(items: Iterable<PurgeItem>): Generator<PurgeItem[]> {
  let history: PurgeItem[] = [];
  for (const item of items) {
    if (history.length > 0 && history[0]!.first_seq !== item.first_seq) {
      yield history;
      history = [];
    }
    history.push(item);
  }
  if (history.length > 0) yield history;
}

function bodyOf(text: string): CertificateBody | undefined {
  try {
    // Its hash was looked at before: this program wrote it.
    return JSON.parse(text) as CertificateBody;
  } catch {
    return undefined;
  }
}

function toldIn(line: string): Omit<Told, 'seq'> | undefined {
  try {
    const { spillway } = JSON.parse(line) as { spillway?: { certificate?: { purge?: unknown; hash?: unknown } } };
    const { purge, hash } = spillway?.certificate ?? {};
    return typeof purge === 'number' && typeof hash === 'string' ? { purge, hash } : undefined;
  } catch {
    return undefined;
  }
}
