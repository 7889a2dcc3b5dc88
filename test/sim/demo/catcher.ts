import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { resolve } from 'node:path';

const MAIN = resolve(import.meta.dirname, '../../../dist/main.js');

/** `spillway catch` in the part of a Logstash that is there, is away, and is there again. What it got is in one file. */
export class Catcher {
  readonly #url: string;
  readonly #file: string;
  #child: ChildProcess | undefined;

  constructor(url: string, file: string) {
    this.#url = url;
    this.#file = file;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const output = openSync(this.#file, 'a');
    const child = spawn(process.execPath, [MAIN, 'catch', this.#url, '--raw'], { stdio: ['ignore', output, 'pipe'] });
    closeSync(output);
    this.#child = child;
    await once(child.stderr!, 'data');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  /** How many records it got, and how many of those it had before: of the same `event.id`. */
  async received(): Promise<{ records: number; repeats: number }> {
    const ids = new Set<string>();
    let records = 0;
    let rest = '';
    for await (const piece of createReadStream(this.#file, { encoding: 'utf8' })) {
      const lines = (rest + String(piece)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        records++;
        ids.add(/"id":"([^"]+)"/.exec(line)?.[1] ?? '');
      }
    }
    return { records: ids.size, repeats: records - ids.size };
  }
}
