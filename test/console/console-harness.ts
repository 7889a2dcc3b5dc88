import { existsSync } from 'node:fs';
import type { Browser, BrowserContext, BrowserContextOptions, Page, Request } from 'playwright-core';
import type { AdminOptions } from '../../relay/admin/server.ts';
import type { Role } from '../../relay/admin/tokens.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { AdminHarness } from '../support/admin-harness.ts';
import { RelayHarness } from '../support/relay-harness.ts';
import { launchChromium } from '../support/chromium.ts';

declare global {
  interface Window {
    /** Set by whatever of a record was run as a script. */
    evil?: unknown;
  }
}

/** A page of the console, and whatever it did that it must not. */
export class WatchedPage implements AsyncDisposable {
  readonly page: Page;
  readonly #context: BrowserContext;
  /** Dialogs, errors, broken rules of the content security policy, requests that left the origin. */
  readonly troubles: string[] = [];
  /** Requests that were not answered to their end yet. */
  readonly #open = new Set<Request>();
  #allAnswered = (): void => {};

  constructor(page: Page, context: BrowserContext, origin: string) {
    this.page = page;
    this.#context = context;
    page.on('dialog', (dialog) => {
      this.troubles.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('pageerror', (error) => this.troubles.push(`page error: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.troubles.push(`console: ${message.text()}`);
    });
    const watch = (url: string): void => {
      if (!url.replace(/^ws:/, 'http:').startsWith(`${origin}/`) && !url.startsWith('blob:'))
        this.troubles.push(`request: ${url}`);
    };
    context.on('request', (request) => watch(request.url()));
    page.on('request', (request) => this.#open.add(request));
    const answered = (request: Request): void => {
      this.#open.delete(request);
      if (this.#open.size === 0) this.#allAnswered();
    };
    page.on('requestfinished', answered);
    page.on('requestfailed', answered);
    page.on('websocket', (socket) => watch(socket.url()));
    page.on('popup', (popup) => this.troubles.push(`window: ${popup.url()}`));
  }

  /** Goes to a page of the console by its place behind the `#`, and waits until it has drawn itself. */
  async go(place: string): Promise<void> {
    await this.page.evaluate(
      (to) =>
        new Promise<void>((resolve) => {
          const before = location.href;
          // The console heard of it first.
          addEventListener('hashchange', () => resolve(), { once: true });
          location.hash = `#/${to}`;
          if (location.href === before) resolve();
        }),
      place,
    );
    await this.settle();
  }

  /** Waits until the page has drawn what its address asks for: nothing is being loaded any more, and no answer is under way. */
  async settle(): Promise<void> {
    do {
      await this.page.evaluate(nextFrame);
      await this.page.waitForFunction(drawn, undefined, { timeout: 30_000, polling: 50 });
    } while (await this.#waitForAnswers());
  }

  /** True where there was something to wait for: then the page has something new to draw. */
  async #waitForAnswers(): Promise<boolean> {
    if (this.#open.size === 0) return false;
    await new Promise<void>((resolve) => (this.#allAnswered = resolve));
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}

/** In the browser. What was changed just now, as the address, is drawn by the next frame but one. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));
}

/** In the browser. */
function drawn(): boolean {
  return (
    document.querySelector('main') !== null &&
    document.querySelector('.loading') === null &&
    document.querySelector('.search-state progress') === null
  );
}

/** A relay with its console, and a browser. */
export class ConsoleHarness implements AsyncDisposable {
  readonly admin: AdminHarness;
  readonly browser: Browser;

  private constructor(admin: AdminHarness, browser: Browser) {
    this.admin = admin;
    this.browser = browser;
  }

  static async start(
    chromium: string,
    config: object,
    overrides: Partial<AdminOptions> = {},
    prepare?: (folder: string) => void,
  ): Promise<ConsoleHarness> {
    if (!existsSync('dist/console/index.html')) throw new Error('the console is not built: run `npm run build`');
    const browser = await launchChromium(chromium);
    try {
      return new ConsoleHarness(
        await AdminHarness.over(await RelayHarness.start(config, systemClock, prepare), overrides),
        browser,
      );
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  get origin(): string {
    return `http://127.0.0.1:${this.admin.port}`;
  }

  /** A fresh browser profile, signed in where a role is given. */
  async open(role: Role | undefined, place = '', options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await this.browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
    context.setDefaultTimeout(20_000);
    if (role !== undefined) await context.addCookies([await this.#sessionOf(role)]);
    const page = await context.newPage();
    const watched = new WatchedPage(page, context, this.origin);
    await page.goto(`${this.origin}/#/${place}`);
    await watched.settle();
    return watched;
  }

  async #sessionOf(role: Role): Promise<{ name: string; value: string; url: string }> {
    const body = JSON.stringify({ password: this.admin.tokens.get(role) });
    const answer = await this.admin.ask({ method: 'POST', path: '/api/v1/session', body });
    const [name = '', value = ''] = String(answer.headers['set-cookie']).split(';')[0]!.split('=');
    return { name, value, url: this.origin };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.admin[Symbol.asyncDispose]();
  }
}
