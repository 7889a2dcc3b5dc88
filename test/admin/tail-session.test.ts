import { expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { TailSession } from '../../relay/admin/tail-session.ts';
import type { TailGroup } from '../../relay/query/tail-messages.ts';
import { Tails } from '../../relay/query/tails.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A browser, as far as the relay sees it: what it was sent, and how much of it waits to be read. */
class Browser {
  bufferedAmount = 0;
  readonly sent: (string | Buffer)[] = [];
  closed = false;

  send(data: string | Buffer): void {
    this.sent.push(data);
  }

  close(): void {
    this.closed = true;
  }

  get frames(): { missed: number; skipped: number; records: unknown[] }[] {
    return this.sent
      .map((data) => JSON.parse(String(data)) as { type: string; missed: number; skipped: number; records: unknown[] })
      .filter(({ type }) => type === 'records');
  }
}

class Stage {
  readonly clock = new FakeClock();
  readonly tails: Tails;
  groups: TailGroup[] = [];
  skipped = 0;
  steps = 0;
  failure: Error | undefined;
  #endSeq = 1;

  constructor() {
    this.tails = new Tails({
      clock: this.clock,
      nextSeq: () => this.#endSeq,
      open: async () => {},
      close: () => {},
      step: async () => {
        this.steps++;
        if (this.failure !== undefined) throw this.failure;
        return { groups: this.groups, skipped: this.skipped, isBehind: false };
      },
    });
  }

  async watch(query = ''): Promise<{ browser: Browser; session: TailSession }> {
    const browser = new Browser();
    const session = new TailSession(browser as unknown as WebSocket, this.tails);
    session.follow(query);
    await vi.waitFor(() => expect(browser.sent).toHaveLength(1));
    return { browser, session };
  }

  /** Commits something and lets the next look at it happen. */
  async commit(shown: number, missed = 0, key = 1): Promise<void> {
    this.#endSeq++;
    const records = `[${Array.from({ length: shown }, (_, i) => `{"seq":${i}}`).join(',')}]`;
    this.groups = [{ key, records, shown, missed }];
    const before = this.steps;
    await this.clock.advance(2_000);
    await vi.waitFor(() => expect(this.steps).toBeGreaterThan(before));
    await Promise.resolve();
  }
}

test('a browser that reads nothing is sent nothing more, and told how many records it missed once it reads', async () => {
  const stage = new Stage();
  const { browser } = await stage.watch();
  const { browser: other } = await stage.watch();
  await stage.commit(2);
  browser.bufferedAmount = 300_000;
  await stage.commit(3);
  stage.skipped = 50;
  await stage.commit(4, 6);
  stage.skipped = 0;
  browser.bufferedAmount = 0;
  await stage.commit(1);

  expect(browser.frames.map(({ records, missed, skipped }) => [records.length, missed, skipped])).toEqual([
    [2, 0, 0],
    [1, 13, 50],
  ]);
  expect(other.frames.map(({ records, missed }) => [records.length, missed])).toEqual([
    [2, 0],
    [3, 0],
    [4, 6],
    [1, 0],
  ]);
});

test('a thousand who watch the same share one look and one frame, and are shown it less often', async () => {
  const stage = new Stage();
  const watchers = await Promise.all(Array.from({ length: 1_000 }, () => stage.watch()));
  await stage.commit(5);
  await vi.waitFor(() => expect(watchers.at(-1)!.browser.sent).toHaveLength(2));

  expect(stage.steps).toBe(1);
  const [first] = watchers;
  for (const { browser } of watchers) expect(browser.sent[1]).toBe(first!.browser.sent[1]);
});

test('nobody is looked for where nothing was committed or nobody watches', async () => {
  const stage = new Stage();
  const { session } = await stage.watch();
  await stage.commit(1);
  await stage.clock.advance(10_000);
  expect(stage.steps).toBe(1);
  session.end();
  await stage.clock.advance(10_000);
  expect(stage.tails.count).toBe(0);
});

test('where the searching thread ends, those who watch are told to begin again', async () => {
  const stage = new Stage();
  const { browser } = await stage.watch();
  stage.failure = new Error('gone');
  await stage.commit(1);
  await vi.waitFor(() => expect(browser.closed).toBe(true));
  expect(String(browser.sent.at(-1))).toContain('gone');
  expect(stage.tails.count).toBe(0);
});
