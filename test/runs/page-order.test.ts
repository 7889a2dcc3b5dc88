import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageOrder, type ArrivedLine, type OrderedLine } from '../../relay/runs/page-order.ts';
import { RecordPages } from '../../relay/runs/record-pages.ts';

const RECORD = '8ef77051-5961-5bed-3e37-ed9f004d0fa2';
const ENDINGS = { lf: '\n', crlf: '\r\n', none: '' } as const;
const patient = { tailWaitMs: 1_000, orderWaitMs: 10_000, force: false };

const lineText = fc.oneof(
  fc.string({ maxLength: 12 }).filter((text) => !/[\r\n]/.test(text)),
  fc.constantFrom('', '2026-11-22T08:14:59.1234567Z same', 'ä✓', '\u0000'),
);
const pageText = fc
  .array(fc.tuple(lineText, fc.constantFrom('\n', '\r\n')), { minLength: 1, maxLength: 20 })
  .map((lines) => `\ufeff${lines.map(([text, ending]) => text + ending).join('')}`);

/** The lines of a page as a tailer sends them. */
function arrived(page: string): ArrivedLine[] {
  const lines: ArrivedLine[] = [];
  const bytes = Buffer.from(page);
  for (let start = 0; start < bytes.length;) {
    const lf = bytes.indexOf(0x0a, start);
    const end = lf > start && bytes[lf - 1] === 0x0d ? lf - 1 : lf;
    lines.push(line(start, bytes.subarray(start, end)));
    start = lf + 1;
  }
  return lines;
}

function line(offset: number | undefined, bytes: Buffer | string, seq = 0): ArrivedLine {
  const content = Buffer.from(bytes);
  return {
    seq,
    offset,
    bytes: content,
    length: content.length,
    unended: false,
    receivedMs: 0,
    sinceMs: 0,
    pin: undefined,
  };
}

function textOf(lines: readonly OrderedLine[]): string {
  return lines.map(({ bytes, ending }) => `${bytes.toString()}${ENDINGS[ending]}`).join('');
}

function newPage(): PageOrder {
  return new PageOrder({ path: 'p', record: RECORD, number: 1 });
}

// Goal: a page comes out as it is, however its lines come. Method: random pages with both line ends, their lines in random order and some
// of them twice; what is taken, a piece at a time, is put together again. The last line may have either end: nothing follows it.
test('lines in any order, some twice, come out once, in order, byte for byte', () => {
  fc.assert(
    fc.property(pageText, fc.infiniteStream(fc.nat()), (text, chance) => {
      const lines = arrived(text);
      const sent = [...lines, ...lines.filter(() => chance.next().value! % 3 === 0)]
        .map((one) => ({ one, at: chance.next().value! }))
        .sort((a, b) => a.at - b.at);
      const page = newPage();
      const taken: OrderedLine[] = [];
      for (const { one } of sent) {
        page.add(one);
        if (chance.next().value! % 2 === 0) taken.push(...page.take({ ...patient, nowMs: 0 }));
      }
      taken.push(...page.take({ ...patient, nowMs: 1_000 }));

      expect(taken.length).toBe(lines.length);
      expect(page.holes).toEqual([]);
      expect(page.repeats).toBe(sent.length - lines.length);
      expect(textOf(taken).trimEnd()).toBe(text.trimEnd());
    }),
  );
});

test('the last line waits for the next, which tells how it ended, for a bounded time', () => {
  const page = newPage();
  page.add(line(0, 'a'));
  page.add(line(3, 'b'));

  // It might be an empty line that is still to come.
  expect(page.take({ ...patient, nowMs: 999 })).toEqual([]);
  expect(textOf(page.take({ ...patient, nowMs: 1_000 }))).toBe('a\r\nb\r\n');
  expect(page.end).toBe(6);
});

test('what is missing is waited for, then passed over, and put in its place when it comes', () => {
  const page = newPage();
  page.add(line(0, 'a'));
  page.add(line(4, 'c'));
  page.add(line(6, 'd'));

  expect(page.take({ ...patient, nowMs: 9_999 }).map(({ offset }) => offset)).toEqual([0]);
  expect(page.take({ ...patient, nowMs: 10_000 }).map(({ offset }) => offset)).toEqual([4, 6]);
  expect(page.holes).toEqual([[2, 4]]);
  expect(page.add(line(2, 'b'))).toBe(true);
  expect(page.take({ ...patient, nowMs: 10_000 })).toMatchObject([{ offset: 2, late: true, ending: 'lf' }]);
  expect(page.holes).toEqual([]);
  expect(page.add(line(2, 'b'))).toBe(false);
});

test('what comes late has its place also where the line before it was taken to end by two bytes, and had one', () => {
  const page = newPage();
  // "one", an empty line that never comes, "two", "three", "four".
  for (const [offset, text] of [
    [0, 'one'],
    [5, 'two'],
    [15, 'four'],
  ] as const)
    page.add(line(offset, text));
  page.take({ ...patient, nowMs: 10_000 });

  expect(page.add(line(9, 'three'))).toBe(true);
  expect(page.take({ ...patient, nowMs: 10_000 }).map(({ bytes }) => bytes.toString())).toEqual(['three']);
  expect(page.holes).toEqual([]);
});

test('a line is not lost where the one before it was supposed to end by two bytes, and had one', () => {
  const page = newPage();
  page.add(line(0, 'one'));
  page.add(line(5, 'two'));
  expect(textOf(page.take({ ...patient, nowMs: 10_000 }))).toBe('one\r\ntwo\r\n');

  expect(page.add(line(9, 'three'))).toBe(true);
  expect(page.take({ ...patient, nowMs: 10_000 }).map(({ bytes }) => bytes.toString())).toEqual(['three']);
  expect(page.holes).toEqual([]);
  expect(page.add(line(9, 'three'))).toBe(false);
});

test('part of what was missing leaves the rest missing', () => {
  const page = newPage();
  page.add(line(10, 'x'));
  page.take({ ...patient, nowMs: 20_000 });

  page.add(line(4, 'bc'));

  expect(page.holes).toEqual([
    [0, 4],
    [7, 10],
  ]);
});

test('two lines at one place are told of, and the first counts', () => {
  const page = newPage();
  page.add(line(0, 'a'));

  expect(page.add(line(0, 'b'))).toBe(false);
  expect(page.conflicts).toBe(1);
});

test('lines without offsets keep the order in which they came, and repeats of what the journal had are known', () => {
  const page = newPage();
  for (const [i, text] of ['a', 'b', 'c'].entries()) page.add(line(undefined, text, 5 + i));

  expect(page.add(line(undefined, 'a', 5))).toBe(false);
  expect(textOf(page.take({ ...patient, nowMs: 0 }))).toBe('a\nb\nc\n');
  expect(page.unplaced).toBe(true);
});

test('a length that masking changed does not move the lines after it', () => {
  const page = newPage();
  page.add({ ...line(0, '***'), length: 20 });
  page.add(line(21, 'b'));

  expect(page.take({ ...patient, nowMs: 1_000 }).map(({ ending }) => ending)).toEqual(['lf', 'lf']);
  expect(page.holes).toEqual([]);
});

test('pages of a record follow each other; one that ended before it was full is told of', () => {
  const pages = new RecordPages(RECORD, 4);
  const page = (number: number): PageOrder => pages.page(number, `p${number}`);
  page(2).add(line(0, 'second'));
  page(1).add(line(0, 'first'));

  expect(pages.take({ ...patient, nowMs: 1_000 }).map(({ number }) => number)).toEqual([1, 2]);
  expect(pages.gaps()).toEqual([]);
  page(4).add(line(0, 'fourth'));
  expect(pages.take({ ...patient, nowMs: 9_999 })).toEqual([]);
  expect(pages.take({ ...patient, nowMs: 10_000 }).map(({ number }) => number)).toEqual([4]);
  expect(pages.gaps()).toEqual([{ record: RECORD, number: 3, from: 0, to: null }]);
  page(3).add(line(0, 'third'));
  expect(pages.take({ ...patient, nowMs: 10_000 })).toMatchObject([{ number: 3, late: true }]);
  expect(pages.gaps()).toEqual([]);
});
