import { expect, test } from 'vitest';
import type { JournalHarness } from '../support/journal-harness.ts';
import { textsOf } from '../support/journal-harness.ts';
import type { JournalLimits } from '../../relay/journal/journal.ts';

const numbered = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `record ${from + i}`);

/** What every journal promises, whatever it is built on. */
export function journalContract(open: (limits?: Partial<JournalLimits>) => Promise<JournalHarness>): void {
  test('what was appended is read back in order, also after it was closed and opened again', async () => {
    await using harness = await open();
    await harness.append(numbered(1, 3));
    await harness.append(numbered(4, 2));

    expect(await harness.texts()).toEqual(numbered(1, 5));
    await harness.reopen();
    expect(harness.journal.nextSeq).toBe(6);
    expect(await harness.texts()).toEqual(numbered(1, 5));
    expect(await harness.texts(4)).toEqual(numbered(4, 2));
  });

  test('a batch that does not follow the last one is refused, and so is all that comes after it', async () => {
    await using harness = await open();
    await harness.append(['a']);

    const skipped = harness.append(['c'], { firstSeq: 3 });
    const after = harness.append(['d'], { firstSeq: 4 });

    await expect(skipped).rejects.toMatchObject({ code: 'JOURNAL_WRITE_FAILED', disposition: 'retry' });
    await expect(after).rejects.toMatchObject({ disposition: 'retry' });
    expect(await harness.texts()).toEqual(['a']);
  });

  test('a request that spans batches is committed whole or not at all', async () => {
    await using harness = await open();
    let firstIsDurable = false;
    const first = harness.append(['a'], { continues: true }).then(() => (firstIsDurable = true));
    await harness.journal.cursors();
    expect(firstIsDurable).toBe(false);

    await harness.append(['b'], { receipts: [{ key: 'request' }] });

    await first;
    expect(await harness.texts()).toEqual(['a', 'b']);
    expect(await harness.journal.receipts()).toEqual(['request']);
  });

  test('each endpoint has a cursor of its own, which survives', async () => {
    await using harness = await open();
    await harness.append(numbered(1, 10));
    await harness.journal.openCursor('slow', 'first');
    await harness.journal.openCursor('fast', 'first');
    await harness.journal.openCursor('new', 'end');

    harness.journal.advance('fast', { fromSeq: 1, toSeq: 9, delivered: 6, filtered: 2, refused: [] });
    await harness.reopen();

    const cursors = Object.fromEntries((await harness.journal.cursors()).map((cursor) => [cursor.endpoint, cursor]));
    expect(cursors['fast']).toMatchObject({ seq: 9, delivered: 6, filtered: 2, backlogRecords: 2 });
    expect(cursors['slow']).toMatchObject({ seq: 1, backlogRecords: 10 });
    expect(cursors['new']).toMatchObject({ seq: 11, startSeq: 11, backlogRecords: 0 });
    expect((await harness.journal.openCursor('fast', 'first')).seq).toBe(9);
  });

  test('a refused record becomes a dead letter with its reason, and can be discarded once', async () => {
    await using harness = await open();
    await harness.append(['good', 'bad']);
    await harness.journal.openCursor('siem', 'first');

    const refused = { seq: 2, code: 'OUTPUT_REFUSED_RECORD', reason: 'no', line: Buffer.from('{"message":"bad"}') };
    harness.journal.advance('siem', { fromSeq: 1, toSeq: 3, delivered: 1, filtered: 0, refused: [refused] });

    const [letter] = await harness.journal.deadLetters('siem', 10);
    expect(letter).toMatchObject({ seq: 2, code: 'OUTPUT_REFUSED_RECORD', reason: 'no', line: '{"message":"bad"}' });
    expect(await harness.journal.discardDeadLetters('siem', [letter!.id], 'redelivered')).toBe(1);
    expect(await harness.journal.discardDeadLetters('siem', [letter!.id], 'redelivered')).toBe(0);
    expect((await harness.journal.cursors())[0]).toMatchObject({ delivered: 2, deadLettered: 0 });
  });

  test('books that do not add up are told of and change nothing', async () => {
    await using harness = await open();
    await harness.append(numbered(1, 5));
    await harness.journal.openCursor('siem', 'first');

    harness.journal.advance('siem', { fromSeq: 1, toSeq: 4, delivered: 2, filtered: 0, refused: [] });

    expect((await harness.journal.cursors())[0]).toMatchObject({ seq: 1, delivered: 0 });
    expect(harness.events.inconsistent).toHaveLength(1);
  });

  test('records that are not to be stored go once every endpoint has them, and are not missed in the books', async () => {
    await using harness = await open();
    await harness.journal.openCursor('a', 'first');
    await harness.journal.openCursor('b', 'first');
    await harness.append(['secret'], { transient: true });
    await harness.append(['kept']);
    const taken = { fromSeq: 1, toSeq: 2, delivered: 1, filtered: 0, refused: [] };

    harness.journal.advance('a', taken);
    await harness.reopen();
    expect(await harness.texts()).toEqual(['secret', 'kept']);
    harness.journal.advance('b', taken);
    await expect.poll(async () => (await harness.journal.stats()).records).toBe(1);

    await harness.reopen();
    expect(await harness.texts()).toEqual(['kept']);
    for (const cursor of await harness.journal.cursors())
      expect(cursor).toMatchObject({ seq: 2, delivered: 1, dropped: 0, backlogRecords: 1 });
  });

  test('with `block` a full journal takes nothing while endpoints are owed, and goes on when they have caught up', async () => {
    await using harness = await open({ bytesMax: 3_000_000 });
    await harness.journal.openCursor('siem', 'first');
    const taken = await fill(harness);

    expect(harness.events.full).toEqual([true]);
    expect((await harness.journal.stats()).records).toBe(taken);
    const { fileBytes, freeBytes } = await harness.journal.room();
    expect(fileBytes).toBeGreaterThan(0);
    expect(freeBytes).toBeGreaterThan(0);
    harness.journal.advance('siem', { fromSeq: 1, toSeq: taken + 1, delivered: taken, filtered: 0, refused: [] });
    harness.forgetReserved();
    await harness.append([incompressible(9)]);

    expect(harness.events.full).toEqual([true, false]);
    expect((await harness.journal.cursors())[0]).toMatchObject({ delivered: taken, dropped: 0, backlogRecords: 1 });
  });

  test('with `drop_oldest` a full journal drops what is oldest, tells of it, and the books still add up', async () => {
    await using harness = await open({ bytesMax: 3_000_000, whenFull: 'drop_oldest' });
    await harness.journal.openCursor('siem', 'first');
    for (let n = 0; n < 60; n++) await harness.append([incompressible(n)]);

    const dropped = harness.events.reclaimed.reduce((sum, range) => sum + range.owedRecords, 0);
    const [cursor] = await harness.journal.cursors();
    expect(dropped).toBeGreaterThan(0);
    expect(cursor).toMatchObject({ dropped, backlogRecords: 60 - dropped });
    const batch = await harness.journal.read(dropped + 1);
    expect(textsOf(batch!)[0]).toBe(incompressible(dropped));
    batch!.release();

    harness.journal.advance('siem', {
      fromSeq: dropped + 1,
      toSeq: 61,
      delivered: 60 - dropped,
      filtered: 0,
      refused: [],
    });
    expect((await harness.journal.cursors())[0]).toMatchObject({ seq: 61, dropped, delivered: 60 - dropped });
  });

  test('free space on the disk below the limit refuses records with a reason', async () => {
    await using harness = await open({ freeBytesMin: Number.MAX_SAFE_INTEGER });

    await expect(harness.append(['a'])).rejects.toMatchObject({
      code: 'JOURNAL_FULL',
      message: expect.stringContaining('min_free_bytes'),
    });
  });

  test('the end of a cursor stays where it was put first, over a restart too, until it is cleared or the cursor goes', async () => {
    await using harness = await open();
    await harness.journal.openCursor('siem', 'first');
    expect(await harness.journal.cursorEnd('siem', 'clear')).toBeUndefined();
    await harness.append(['one', 'two']);
    expect(await harness.journal.cursorEnd('siem', 'set')).toBe(3);
    await harness.append(['three']);
    await harness.reopen();
    expect(await harness.journal.cursorEnd('siem', 'set')).toBe(3);
    expect(await harness.journal.cursorEnd('other', 'set')).toBe(4);

    await harness.journal.removeCursor('siem');
    expect(await harness.journal.cursorEnd('siem', 'set')).toBe(4);
    await harness.journal.cursorEnd('siem', 'clear');
    await harness.append(['four']);
    expect(await harness.journal.cursorEnd('siem', 'set')).toBe(5);
  });

  test('many small batches are read as few', async () => {
    await using harness = await open();
    for (let n = 0; n < 300; n++) await harness.append([`record ${n}`]);
    await harness.reopen();

    const batch = await harness.journal.read(1);

    expect(batch!.records).toBe(300);
    batch!.release();
    expect((await harness.journal.stats()).batches).toBeLessThan(8);
  });
}

async function fill(harness: JournalHarness): Promise<number> {
  for (let n = 0; n < 100; n++) {
    try {
      await harness.append([incompressible(n)]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'JOURNAL_FULL' });
      return n;
    }
  }
  throw new Error('the journal took more than its limit');
}

/** 100 KB that do not compress well, the same for the same number. */
function incompressible(n: number): string {
  let state = n + 1;
  const words: string[] = [];
  for (let i = 0; i < 14_000; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    words.push(state.toString(36).padStart(7, '0'));
  }
  return words.join('');
}
