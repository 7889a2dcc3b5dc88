import { contentHash } from '../chain.ts';
import type { Certificate } from '../../retention-store.ts';
import type { Sqlite } from '../database.ts';
import type { PurgeItem } from './items.ts';
import type { RunRow } from './run-table.ts';
import type { PurgePlan, PurgeTally } from '../../retention-store.ts';

interface CertificateRow {
  readonly run_id: number;
  readonly body: string;
  readonly hash: Buffer;
  readonly told_seq: number | null;
}

/** What a certificate says. `previous` is the hash of the one before it, so that none can be taken out. */
export interface CertificateBody {
  readonly version: 1;
  readonly node: string;
  readonly purge: number;
  readonly cause: string;
  readonly who: string;
  readonly started: string;
  readonly ended: string;
  readonly outcome: string;
  readonly rules: readonly unknown[];
  readonly range: { readonly first_seq: number; readonly end_seq: number };
  readonly records: number;
  readonly batches_removed: number;
  readonly batches_rewritten: number;
  readonly by_rule: Readonly<Record<string, number>>;
  readonly by_dataset: Readonly<Record<string, number>>;
  readonly by_operation: Readonly<Record<string, number>>;
  /** Records that went before an endpoint had confirmed them, by endpoint. Of those under way in that moment some may have arrived. */
  readonly undelivered: Readonly<Record<string, number>>;
  /** The chain's value before the first batch that was touched and after the last. */
  readonly hash_before: string;
  readonly hash_after: string;
  readonly items: number;
  readonly items_digest: string;
  readonly previous: string;
}

/** Methods that write expect an open transaction. */
export class CertificateTable {
  readonly #database: Sqlite;

  constructor(database: Sqlite) {
    this.#database = database;
  }

  all(): (Certificate & { readonly hashBytes: Buffer })[] {
    const rows = this.#database.prepare('SELECT * FROM certificate ORDER BY run_id').all() as CertificateRow[];
    return rows.map((row) => ({ ...certificateOf(row), hashBytes: row.hash }));
  }

  untold(): Certificate[] {
    const rows = this.#database
      .prepare('SELECT * FROM certificate WHERE told_seq IS NULL ORDER BY run_id')
      .all() as CertificateRow[];
    return rows.map(certificateOf);
  }

  told(runId: number, seq: number): void {
    this.#database.prepare('UPDATE certificate SET told_seq = ? WHERE run_id = ?').run(seq, runId);
  }

  last(): string {
    const hash = this.#database.prepare('SELECT hash FROM certificate ORDER BY run_id DESC LIMIT 1').pluck().get();
    return Buffer.isBuffer(hash) ? hash.toString('hex') : '';
  }

  /** Makes the certificate of a run that has ended. */
  add(run: RunRow, end: { readonly outcome: string; readonly nowMs: number; readonly node: string }): void {
    const body = JSON.stringify(this.#body(run, end));
    this.#database
      .prepare('INSERT INTO certificate (run_id, body, hash) VALUES (?, ?, ?)')
      .run(run.id, body, contentHash(Buffer.from(body)));
  }

  #body(
    run: RunRow,
    end: { readonly outcome: string; readonly nowMs: number; readonly node: string },
  ): CertificateBody {
    const tally = JSON.parse(run.tally) as PurgeTally;
    const plan = JSON.parse(run.plan) as PurgePlan;
    const edge = (order: 'ASC' | 'DESC'): PurgeItem =>
      this.#database
        .prepare(`SELECT * FROM purge_item WHERE run_id = ? ORDER BY first_seq ${order} LIMIT 1`)
        .get(run.id) as PurgeItem;
    const items = this.#database.prepare('SELECT count(*) FROM purge_item WHERE run_id = ?').pluck().get(run.id);
    return {
      version: 1,
      node: end.node,
      purge: run.id,
      cause: run.cause,
      who: run.who,
      started: new Date(run.started_ms).toISOString(),
      ended: new Date(end.nowMs).toISOString(),
      outcome: end.outcome,
      rules: plan.rules.map(({ name, match, beforeMs, undelivered }) => ({
        name,
        match,
        before: beforeMs === undefined ? null : new Date(beforeMs).toISOString(),
        undelivered,
      })),
      range: { first_seq: tally.firstSeq, end_seq: tally.endSeq },
      records: tally.records,
      batches_removed: tally.batchesRemoved,
      batches_rewritten: tally.batchesRewritten,
      by_rule: tally.rules,
      by_dataset: tally.datasets,
      by_operation: tally.operations,
      undelivered: tally.owed,
      hash_before: edge('ASC').link_before.toString('hex'),
      hash_after: edge('DESC').link_after.toString('hex'),
      items: Number(items),
      items_digest: run.digest.toString('hex'),
      previous: this.last(),
    };
  }
}

function certificateOf(row: CertificateRow): Certificate {
  return {
    runId: row.run_id,
    body: row.body,
    hash: row.hash.toString('hex'),
    toldSeq: row.told_seq ?? undefined,
  };
}
