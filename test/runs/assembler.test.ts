import fc from 'fast-check';
import { expect, test } from 'vitest';
import { detailOf } from '../../relay/runs/verdict.ts';
import { heldMsMax } from '../../relay/runs/assembler.ts';
import { pageNameOf } from '../../relay/record/runner-file.ts';
import { Assembly, PATIENCE } from '../support/assembly.ts';
import {
  JOB,
  pagePath,
  pagesOf,
  SCRIPT,
  tailed,
  WORKER_PATH,
  workerLog,
  type TailedLine,
} from '../support/runner-log.ts';

const JOB_PAGE = pagePath(JOB.record);
const worker = tailed(WORKER_PATH, `${workerLog().join('\n')}\n`);
const pages = pagesOf();
const STEPS = [1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 5];

function linesOf(path: string): TailedLine[] {
  return tailed(path, pages.get(path)!);
}

const allPages = [...pages.keys()].flatMap(linesOf);

// Goal: each line of the job page comes out once, in order, as it was, with its step, whatever the order of chunks, however often they
// come, and wherever the process is killed. Method: all files cut into random chunks, sent in random order and some again, with kills
// between them after which all that was sent so far comes once more, as it does from the journal.
test('chunks in any order, repeated, with kills between them, make one job page', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(1_000_000)), (stream) => {
      const chance = (below: number): number => stream.next().value! % below;
      const files = [worker, ...[...pages.keys()].map(linesOf)];
      const chunks = files.flatMap((lines) => {
        const cut: TailedLine[][] = [];
        for (let at = 0; at < lines.length;) {
          const end = at + 1 + chance(12);
          cut.push(lines.slice(at, end));
          at = end;
        }
        return cut;
      });
      const sent = [...chunks, ...chunks.filter(() => chance(4) === 0)]
        .map((chunk) => ({ chunk, at: chance(1_000) }))
        .sort((a, b) => a.at - b.at);
      const assembly = new Assembly({ attributionWaitMs: 20_000, identityWaitMs: 20_000 });
      const before: TailedLine[][] = [];
      for (const { chunk } of sent) {
        assembly.send(chunk);
        before.push(chunk);
        assembly.nowMs += chance(100);
        if (chance(10) !== 0) continue;
        assembly.kill();
        for (const old of before) assembly.send(old);
      }
      assembly.wait(60_000);

      expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
      expect(assembly.out.map(({ step }) => step)).toEqual(STEPS);
      expect(assembly.verdicts).toEqual(['complete']);
      expect(assembly.finished[0]).toMatchObject({
        conclusion: 'failure',
        lines: STEPS.length,
        attributed: STEPS.length,
      });
    }),
    { numRuns: 100 },
  );
});

// Goal: however long a job takes, the journal need not keep its lines for longer than `heldMsMax`. Method: lines of a job that goes on are
// left out and come in any order; after that time no line of the job page is held, and of other pages only such as were copied there.
test('after a time only copies are held, whatever is missing', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(1_000_000)), fc.boolean(), (stream, mapped) => {
      const chance = (below: number): number => stream.next().value! % below;
      const begun = worker.filter(({ log }) => !/completed|Finalize/.test(log));
      const sent = allPages
        .filter(() => chance(6) > 0)
        .map((line) => ({ line, at: chance(1_000) }))
        .sort((a, b) => a.at - b.at);
      const assembly = new Assembly();
      if (mapped) assembly.send(begun);
      for (const { line } of sent) {
        assembly.send([line]);
        assembly.nowMs += chance(4_000);
      }
      const untilMs = assembly.nowMs + heldMsMax(PATIENCE);
      // A page of a job that nobody knows has its place once nothing came for it.
      while (assembly.nowMs < untilMs) assembly.wait(Math.min(10_000, untilMs - assembly.nowMs), 10_000);

      const jobPages = new Set([...assembly.assembler.jobs].map(({ jobRecord }) => jobRecord));
      for (const { file } of assembly.held) expect(jobPages).not.toContain(pageNameOf(file)!.record);
      const out = new Set(assembly.out.map(({ offset, path }) => `${path} ${offset}`));
      // An empty line that comes this late is taken for the second half of the CRLF that its place was taken for.
      const due = sent.filter(({ line }) => mapped && line.file === JOB_PAGE && line.log !== '');
      for (const { line } of due) expect(out).toContain(`${JOB_PAGE} ${line.offset}`);
    }),
    { numRuns: 100 },
  );
});

test('pages with CRLF come out as they were', () => {
  const windows = pagesOf(SCRIPT, { newline: '\r\n' });
  const assembly = new Assembly();
  assembly.send([...worker, ...[...windows].flatMap(([path, text]) => tailed(path, text))]);
  assembly.wait(10_000);

  expect(assembly.page(JOB_PAGE)).toBe(windows.get(JOB_PAGE));
});

test('pages with CRLF come out as they were though the process is killed before their last line', () => {
  const windows = pagesOf(SCRIPT, { newline: '\r\n' });
  const lines = [...windows].flatMap(([path, text]) => tailed(path, text));
  const assembly = new Assembly();
  assembly.send([...worker, ...lines]);
  assembly.nowMs += 100;
  assembly.kill();
  assembly.send(lines);
  assembly.wait(10_000);

  expect(assembly.page(JOB_PAGE)).toBe(windows.get(JOB_PAGE));
});

test('without offsets the order of arrival counts, and the verdict says so', () => {
  const assembly = new Assembly();
  assembly.send([...worker, ...allPages], { offsets: false });
  assembly.wait(40_000);

  expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
  expect(assembly.verdicts).toEqual(['complete']);
  expect(detailOf(assembly.finished[0]!).notes).toEqual(['the sender gave no offsets: missing lines cannot be seen']);
});

test('a job that is killed in the middle is cut when its runner begins the next one', () => {
  const assembly = new Assembly();
  assembly.send(worker.slice(0, -4));
  assembly.send(allPages);
  const other = { timeline: '99999999-0000-4000-8000-000000000001', record: '99999999-0000-4000-8000-000000000002' };
  const next = tailed(WORKER_PATH.replace('081459', '091459'), `${workerLog(other).join('\n')}\n`);
  assembly.wait(5_000);
  expect(assembly.verdicts).toEqual([]);

  assembly.send(next.slice(0, -4));
  assembly.wait(60_000);

  expect(assembly.finished.map(({ jobRecord, verdict }) => [jobRecord, verdict])).toEqual([[JOB.record, 'cut']]);
  expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
});

test('a page that never closes: the silence is told of once, then the job is taken for dead', () => {
  const assembly = new Assembly();
  assembly.send(worker.slice(0, -4));
  assembly.send(allPages);
  assembly.wait(901_000, 10_000);
  expect(assembly.told).toEqual(['silent']);

  assembly.wait(3_000_000, 10_000);

  expect(assembly.told).toEqual(['silent', 'unfinished']);
  expect(assembly.verdicts).toEqual(['cut']);
  expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
});

test('a Worker log that never comes: the lines go out all the same, and nobody knows whose they are', () => {
  const assembly = new Assembly();
  assembly.send(allPages);
  assembly.wait(9_000);
  expect(assembly.out).toEqual([]);
  assembly.wait(10_000);

  expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
  expect(assembly.out.every(({ mapped }) => !mapped)).toBe(true);
  assembly.wait(3_700_000, 10_000);
  expect(assembly.verdicts).toEqual(['unmapped']);
});

test('two jobs of one run in one place, one after the other, are two also without Worker logs', () => {
  const record = '99999999-0000-4000-8000-000000000002';
  const later = SCRIPT.map((step) => ({ ...step, second: step.second + 20, record: step.record.replace(/^./, '9') }));
  const second = pagesOf(later, { record });
  const assembly = new Assembly();
  assembly.send(allPages);
  assembly.wait(20_000);
  for (const [path, text] of second) assembly.send(tailed(path, text));
  assembly.wait(60_000);
  assembly.wait(3_700_000, 10_000);

  expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
  expect(assembly.page(pagePath(record))).toBe(second.get(pagePath(record)));
  expect(assembly.verdicts).toEqual(['unmapped', 'unmapped']);
});

test('a Worker log that comes late maps the job; no line goes out again', () => {
  const assembly = new Assembly();
  assembly.send(allPages);
  assembly.wait(3_700_000, 10_000);
  assembly.send(worker);
  assembly.wait(60_000);

  expect(assembly.verdicts).toEqual(['unmapped', 'complete']);
  expect(assembly.finished.at(-1)?.message?.github['run_id']).toBe('4711');
  expect(assembly.out).toHaveLength(STEPS.length);
});

test('a runner’s clock that is an hour off changes nothing', () => {
  const skewed = pagesOf(SCRIPT, { skewMs: 0 });
  const assembly = new Assembly();
  assembly.nowMs = 3_600_000;
  assembly.send([...worker, ...[...skewed].flatMap(([path, text]) => tailed(path, text))]);
  assembly.wait(10_000);

  expect(assembly.out.map(({ step }) => step)).toEqual(STEPS);
  expect(assembly.verdicts).toEqual(['complete']);
});

test('two runners of one name are two, and their jobs do not mix', () => {
  const timeline = '77777777-0000-4000-8000-000000000001';
  const record = '77777777-0000-4000-8000-000000000002';
  const otherLog = workerLog({ timeline, record, github: { repository: 'corp/other', run_id: '99' } });
  const otherPages = pagesOf(
    SCRIPT.map((step) => ({ ...step, record: step.record.replace(/^./, '7') })),
    { timeline, record },
  );
  const assembly = new Assembly();
  const name = 'runner';
  // The same path in the same second, from two addresses.
  for (let i = 0; i < worker.length; i++) {
    assembly.send([worker[i]!], { source: '10.0.0.1', name });
    assembly.send(tailed(WORKER_PATH, `${otherLog.join('\n')}\n`).slice(i, i + 1), { source: '10.0.0.2', name });
  }
  assembly.send(allPages, { source: '10.0.0.1', name });
  for (const [path, text] of otherPages) assembly.send(tailed(path, text), { source: '10.0.0.2', name });
  assembly.wait(60_000);

  const runs = assembly.finished.map(({ message, verdict }) => `${message?.github['repository']} ${verdict}`);
  expect(new Set(runs)).toEqual(new Set(['corp/other complete', 'corp/web complete']));
  expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
});

test('where the keeper missed step pages, lines have their steps by their times', () => {
  const assembly = new Assembly();
  assembly.send([...worker, ...linesOf(JOB_PAGE)]);
  assembly.wait(60_000);

  expect(assembly.page(JOB_PAGE)).toBe(pages.get(JOB_PAGE));
  // The Worker log knows seconds: in one in which a step ended and another began it cannot tell, and nobody guesses.
  expect(assembly.out.map(({ step }) => step)).toEqual(STEPS.map((step) => (step === 2 ? undefined : step)));
  expect(assembly.verdicts).toEqual(['complete']);
});

test('a hole in the job page is filled from the step pages, byte for byte but for the stamps', () => {
  const assembly = new Assembly();
  const jobPage = linesOf(JOB_PAGE);
  assembly.send([...worker, ...jobPage.slice(0, 3), ...jobPage.slice(5)]);
  for (const path of pages.keys()) if (path !== JOB_PAGE) assembly.send(linesOf(path));
  assembly.wait(90_000);

  const inOrder = assembly.out.toSorted((a, b) => a.offset - b.offset).map(({ text }) => text.replace(/\d{4}Z /, 'Z '));
  expect(inOrder.join('')).toBe(pages.get(JOB_PAGE)!.replaceAll(/\d{4}Z /g, 'Z '));
  expect(assembly.out.filter(({ from }) => from === 'step')).toHaveLength(2);
  expect(assembly.verdicts).toEqual(['complete']);
});

test('a hole that nothing fills is in the verdict, with its place', () => {
  const assembly = new Assembly();
  const jobPage = linesOf(JOB_PAGE);
  assembly.send([...worker, ...jobPage.slice(0, 3), ...jobPage.slice(5)]);
  assembly.wait(90_000);

  expect(assembly.verdicts).toEqual(['gaps']);
  const gaps = assembly.finished[0]!.jobPages!.gaps();
  const from = jobPage[2]!.offset + Buffer.byteLength(jobPage[2]!.log) + 1;
  expect(gaps).toEqual([{ record: JOB.record, number: 1, from, to: jobPage[5]!.offset }]);
});

test('at the limit of memory lines go without waiting, and none is lost', () => {
  const assembly = new Assembly({ heldBytesMax: 600 });
  for (const line of [...worker, ...allPages]) assembly.send([line]);
  assembly.wait(90_000);

  expect(assembly.told).toContain('relieved');
  const own = assembly.out.filter(({ path, from }) => path === JOB_PAGE && from === 'job');
  expect(
    own
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ text }) => text)
      .join(''),
  ).toBe(pages.get(JOB_PAGE));
});

test('of too many jobs the one silent longest ends; it goes on when more of it comes', () => {
  const assembly = new Assembly({ jobsMax: 1 });
  assembly.send([...worker.slice(0, -4), ...allPages.slice(0, 6)]);
  assembly.nowMs += 1_000;
  const timeline = '77777777-0000-4000-8000-000000000001';
  assembly.send([{ file: pagePath(JOB.record, 1, timeline), offset: 0, log: 'x' }], { source: 'other' });
  expect(assembly.verdicts).toEqual(['cut']);

  assembly.send([...worker, ...allPages]);
  assembly.wait(60_000);

  const own = assembly.out.filter(({ path, from }) => path === JOB_PAGE && from === 'job');
  expect(own.map(({ text }) => text).join('')).toBe(pages.get(JOB_PAGE));
});

test('what step pages fill in ends as the job’s lines do, also where the step page has one line alone', () => {
  const script = [...SCRIPT.slice(0, 2), { ...SCRIPT[2]!, messages: ['only'] }];
  const windows = pagesOf(script, { newline: '\r\n' });
  const assembly = new Assembly();
  const jobPage = tailed(JOB_PAGE, windows.get(JOB_PAGE)!);
  const others = [...windows].filter(([path]) => path !== JOB_PAGE).flatMap(([path, text]) => tailed(path, text));
  assembly.send([...worker, ...jobPage.slice(0, -1), ...others]);
  assembly.wait(90_000);

  const withoutFractions = (text: string): string => text.replaceAll(/\d{4}Z /g, 'Z ');
  expect(withoutFractions(assembly.page(JOB_PAGE))).toBe(withoutFractions(windows.get(JOB_PAGE)!));
  expect(assembly.out.at(-1)).toMatchObject({ from: 'step', step: 3 });
});

test('how a page’s last line ended is found out also after a restart', () => {
  const windows = pagesOf([{ record: JOB.setUp, second: 0, messages: ['first', 'second'] }], { newline: '\r\n' });
  const [first, second] = tailed(JOB_PAGE, windows.get(JOB_PAGE)!);
  const assembly = new Assembly();
  assembly.send([...worker.slice(0, -8), first!]);
  // Nothing tells how the only line ended.
  assembly.wait(40_000);
  assembly.kill();
  assembly.send([first!, second!]);
  assembly.wait(3_000);

  expect(assembly.out.map(({ offset }) => offset)).toEqual([first!.offset, second!.offset]);
});

test('a long page of a step is not taken for the job page, which is late as the Worker log is', () => {
  const messages = Array.from({ length: 60 }, (_, i) => `${i} ${'x'.repeat(100)}`);
  const script = SCRIPT.map((step, i) => (i === 1 ? { ...step, messages } : step));
  const long = pagesOf(script);
  const assembly = new Assembly();
  for (const [path, text] of long)
    if (path !== JOB_PAGE && path !== pagePath(JOB.setUp)) assembly.send(tailed(path, text));
  assembly.wait(60_000);
  expect(assembly.out).toEqual([]);

  assembly.send([...tailed(JOB_PAGE, long.get(JOB_PAGE)!), ...worker]);
  assembly.send(tailed(pagePath(JOB.setUp), long.get(pagePath(JOB.setUp))!));
  assembly.wait(60_000);

  expect(assembly.page(JOB_PAGE)).toBe(long.get(JOB_PAGE));
  expect(assembly.verdicts).toEqual(['complete']);
});

test('where the relay gets Worker logs, one that is late after an outage is waited for', () => {
  const others = workerLog({ timeline: '99999999-0000-4000-8000-000000000001', record: pagePath('9') });
  const assembly = new Assembly();
  assembly.send(tailed(WORKER_PATH.replace('081459', '071459'), `${others.slice(0, 3).join('\n')}\n`), {
    source: 'other',
  });
  assembly.send(allPages);
  assembly.wait(35_000);
  expect(assembly.out).toEqual([]);

  assembly.send(worker);
  assembly.wait(10_000);

  expect(assembly.out.map(({ mapped }) => mapped)).toEqual(STEPS.map(() => true));
});

test('an empty line that comes with its CR says nothing of how the last line ends', () => {
  const windows = pagesOf([{ record: JOB.setUp, second: 0, messages: ['first', 'second\r\n\r\nend'] }], {
    newline: '\r\n',
  });
  const page = windows.get(JOB_PAGE)!;
  const lines = tailed(JOB_PAGE, page).map((line) => (line.log === '' ? { ...line, log: '\r' } : line));
  const assembly = new Assembly();
  assembly.send([...worker.slice(0, -8), ...lines.slice(0, -1)]);
  assembly.wait(40_000);
  assembly.send(lines.slice(-1));
  assembly.wait(40_000);

  expect(assembly.page(JOB_PAGE)).toBe(page);
});
