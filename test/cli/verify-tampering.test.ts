import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifyCommand } from '../../relay/cli/verify.ts';
import { BATCH_COLUMNS, columnValues, intactLines, type BatchRow } from '../../relay/journal/sqlite/batch-row.ts';
import { contentHash } from '../../relay/journal/sqlite/chain.ts';
import { encodePayload } from '../../relay/journal/sqlite/codec.ts';
import type { Sqlite } from '../../relay/journal/sqlite/database.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { harborBatch, heldBatch, JournalBench, noise } from '../support/journal-bench.ts';

// What somebody may do who can write the journal's file and knows how it is made: every hash that he can make anew is made anew. The
// command must end with 1 and name the place.

const PULLS = ['pull_artifact', 'create_artifact', 'pull_artifact'];
/** Batches at 1, 4 and 7 that purge 1 took the pulls from; those at 10 and 13 large, of which nothing went; the certificate at 16. */
const LARGE = [10, 13] as const;
const CERTIFICATE_SEQ = 16;

let folder: string;
let bench: JournalBench;
let cli: CliHarness;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-tampering-'));
  const inputs = { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } };
  const endpoints = { e: { type: 'file', path: './out' } };
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify({ data_dir: './data', inputs, endpoints }));
  cli = new CliHarness(folder);
  open();
  for (const seq of [1, 4, 7]) bench.append(harborBatch(seq, PULLS));
  for (const seq of LARGE)
    bench.append(
      heldBatch(
        seq,
        [0, 1, 2].map((n) => noise(seq + n, 30_000)),
        { receivedLastMs: 9_000 },
      ),
    );
  const rules = [{ name: 'pulls', match: { operation: ['pull_*'] }, beforeMs: 5_000, undelivered: 'keep' as const }];
  bench.purge({ rules });
  const { hash } = bench.ask('untold')[0]!;
  const event = { id: 'x'.repeat(24), created: '1970-01-01T00:00:09.000Z', dataset: 'spillway.certificate' };
  const line = Buffer.from(`${JSON.stringify({ event, spillway: { certificate: { purge: 1, hash } } })}\n`);
  const shared = new SharedArrayBuffer(line.length);
  line.copy(Buffer.from(shared));
  bench.append(
    heldBatch(CERTIFICATE_SEQ, [''], { shared, bytes: line.length, datasets: { 'spillway.certificate': 1 } }),
  );
  bench.ask('told', 1, CERTIFICATE_SEQ);
});

afterEach(() => {
  bench.close();
  rmSync(folder, { recursive: true });
});

function open(): void {
  bench = new JournalBench({}, { directory: join(folder, 'data') });
}

const verify = (...words: string[]): Promise<number> => cli.run([verifyCommand], 'verify', ...words);

function tamper(change: (database: Sqlite) => void): void {
  const database = bench.openBehindItsBack();
  change(database);
  database.close();
}

function rowAt(database: Sqlite, seq: number): BatchRow {
  return database.prepare(`SELECT ${BATCH_COLUMNS} FROM batch WHERE first_seq = ?`).get(seq) as BatchRow;
}

/** Puts other lines into a row, with all hashes of its own made anew. */
function rewrite(database: Sqlite, row: BatchRow, lines: Buffer): void {
  const { bytes, encoding } = encodePayload(lines, 1);
  const hash = contentHash(row.hash_of === 'lines' ? lines : bytes);
  const forged = { ...row, line_bytes: lines.length, payload_bytes: bytes.length, encoding, payload_hash: hash };
  database
    .prepare(`INSERT OR REPLACE INTO batch (${BATCH_COLUMNS}) VALUES (${BATCH_COLUMNS.replaceAll(/\w+/g, '?')})`)
    .run(...columnValues(forged, bytes));
}

test('what nobody touched fits', async () => {
  expect(await verify()).toBe(0);
  expect(cli.stdout).toContain(
    '6 records are gone: purged, as certificates say\n1 certificates of purges\neverything fits',
  );
});

test('an edited record is found at its batch, whether a purge has rewritten that or not', async () => {
  tamper((database) => {
    const row = rowAt(database, LARGE[0]);
    const lines = intactLines(row);
    rewrite(database, row, Buffer.from(lines.toString().replace('"message":"', '"message":"X')));
  });
  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain('DOES NOT FIT, first at record 10: its place in the chain does not fit');

  tamper((database) => {
    const row = rowAt(database, 4);
    rewrite(database, row, Buffer.from(intactLines(row).toString().replace('create_artifact', 'delete_artifact')));
  });
  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain('DOES NOT FIT, first at record 4: it is not as purge 1 left it: it was changed');
});

test('a single byte that was turned over in a payload is found', async () => {
  tamper((database) => {
    const payload = Buffer.from(rowAt(database, LARGE[1]).payload);
    payload[payload.length >> 1]! ^= 1;
    database.prepare('UPDATE batch SET payload = ? WHERE first_seq = ?').run(payload, LARGE[1]);
  });

  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain(
    'DOES NOT FIT, first at record 13: it is not as it was written: its content does not have',
  );
});

test('a deleted batch is found where it stood', async () => {
  tamper((database) => database.prepare('DELETE FROM batch WHERE first_seq = ?').run(LARGE[0]));

  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain('DOES NOT FIT, first at record 13: records 10 to 12 are missing');
});

test('two batches that changed places are found at the first of them', async () => {
  tamper((database) => {
    const [first, second] = [rowAt(database, LARGE[0]), rowAt(database, LARGE[1])];
    const [one, other] = [intactLines(first), intactLines(second)];
    rewrite(database, first, other);
    rewrite(database, second, one);
  });

  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain('DOES NOT FIT, first at record 10: its place in the chain does not fit');
  expect(cli.stdout).toContain('also at 13: its place in the chain does not fit');
});

test('an end that was cut is found by how far the journal had come', async () => {
  bench.close();
  tamper((database) => database.exec(`DELETE FROM batch WHERE first_seq >= ${LARGE[1]}`));

  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain(
    'DOES NOT FIT, first at record 13: the journal ends here, and had come to 17: its end is gone',
  );
  open();
});

test('an older copy, whole in itself, is found by an anchor that an endpoint has', async () => {
  bench.close();
  cpSync(join(folder, 'data'), join(folder, 'copy'), { recursive: true });
  open();
  bench.append(heldBatch(17, ['one more']));
  const anchor = bench.ask('anchor');
  const file = join(folder, 'anchors.ndjson');
  writeFileSync(file, `${JSON.stringify({ event: { dataset: 'spillway.anchor' }, spillway: { anchor } })}\n`);
  expect(await verify('--anchor', file)).toBe(0);
  bench.close();
  rmSync(join(folder, 'data'), { recursive: true });
  cpSync(join(folder, 'copy'), join(folder, 'data'), { recursive: true });

  expect(await verify()).toBe(0);
  expect(await verify('--anchor', file)).toBe(1);
  expect(cli.stdout).toMatch(
    /DOES NOT FIT, first at record 17: .*anchors\.ndjson, line 1 knows of 1 records more: its end was cut, or this is an older copy/,
  );
  open();
});

test('an edited certificate is found, with a hash that fits it too', async () => {
  tamper((database) => database.exec(`UPDATE certificate SET body = replace(body, 'tester', 'nobody')`));
  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain('DOES NOT FIT, first at record 1: the certificate of purge 1 was changed');

  tamper((database) => {
    const body = String(database.prepare('SELECT body FROM certificate').pluck().get());
    database.prepare('UPDATE certificate SET hash = ?').run(contentHash(Buffer.from(body)));
  });
  expect(await verify()).toBe(1);
  expect(cli.stdout).toContain('the certificate of purge 1 is not the one that was told in the stream');
});
