import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';

/** Times of one kind, in milliseconds. */
export class Times {
  #values: number[] = [];

  add(ms: number): void {
    this.#values.push(ms);
  }

  get count(): number {
    return this.#values.length;
  }

  countOver(ms: number): number {
    return this.#values.filter((value) => value > ms).length;
  }

  /** The value that so many of a hundred are not above. */
  percentile(percent: number): number {
    const sorted = this.#values.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
  }

  takeAll(): Times {
    const taken = new Times();
    taken.#values = this.#values;
    this.#values = [];
    return taken;
  }
}

/** An endpoint that takes lines over TCP and tells how old each record was when it came. */
export class AgeSink {
  readonly ages = new Times();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(port: number): Promise<AgeSink> {
    const server = createServer();
    const sink = new AgeSink(server);
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      createInterface({ input: socket }).on('line', (line) => {
        const created = /"created":"([^"]+)"/.exec(line)?.[1];
        if (created !== undefined) sink.ages.add(Math.max(0, Date.now() - Date.parse(created)));
      });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return sink;
  }

  close(): void {
    this.#server.close();
  }
}

const RECORDS_PER_REQUEST = 20;

/** Sends records by HTTP as fast as answers come, over a few connections, and each again until it was answered. */
export class Load {
  /** From a request to its answer, where the relay was there all the time. */
  readonly answers = new Times();
  /** For how long nobody got an answer while somebody waited for one. */
  readonly pauses = new Times();
  acknowledged = 0;
  readonly #delay = monitorEventLoopDelay({ resolution: 5 });
  #waiting = 0;
  #unansweredSinceMs = 0;
  readonly #url: string;
  readonly #agent = new Agent({ connections: 16 });
  readonly #pauseMs: number;
  #next = 0;
  #running = true;
  readonly #workers: Promise<void>[];

  constructor(port: number, options: { readonly connections: number; readonly pauseMs: number }) {
    this.#url = `http://127.0.0.1:${port}/`;
    this.#pauseMs = options.pauseMs;
    this.#delay.enable();
    this.#workers = Array.from({ length: options.connections }, () => this.#work());
  }

  /** The most that this process itself was late since the last call, in milliseconds: that much of any answer’s time is its own. */
  takeOwnDelayMs(): number {
    const ms = this.#delay.max / 1e6;
    this.#delay.reset();
    return ms;
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#delay.disable();
    await Promise.all(this.#workers);
    await this.#agent.close();
  }

  async #work(): Promise<void> {
    while (this.#running) {
      const numbers = Array.from({ length: RECORDS_PER_REQUEST }, () => this.#next++);
      await this.#send(numbers);
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    }
  }

  async #send(numbers: readonly number[]): Promise<void> {
    const body = numbers.map((number) => `{"message":"new ${number}"}\n`).join('');
    for (;;) {
      const startedMs = performance.now();
      if (this.#waiting++ === 0) this.#unansweredSinceMs = startedMs;
      try {
        const response = await request(this.#url, {
          dispatcher: this.#agent,
          method: 'POST',
          body,
          headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': `n${numbers[0]}` },
        });
        await response.body.dump();
        if (response.statusCode === 200) {
          const nowMs = performance.now();
          this.answers.add(nowMs - startedMs);
          this.pauses.add(nowMs - this.#unansweredSinceMs);
          this.#unansweredSinceMs = nowMs;
          this.acknowledged += numbers.length;
          return;
        }
      } catch {
        // It was killed; it comes back.
      } finally {
        this.#waiting--;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
