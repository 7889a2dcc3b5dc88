import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Chance } from '../runner/chance.ts';

const VECTORS = resolve(import.meta.dirname, '../../vectors/syslog/harbor.jsonl');

/** Sends audit records as Harbor does: Go's `log/syslog` over TCP, one connection for each record, none of which it ever closes. */
export class HarborSender implements Disposable {
  readonly #port: number;
  readonly #chance: Chance;
  readonly #records: readonly string[];
  readonly #connections: Socket[] = [];
  sent = 0;

  constructor(port: number, chance: Chance) {
    this.#port = port;
    this.#chance = chance;
    this.#records = readFileSync(VECTORS, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { bytes: string }).bytes)
      // A line end in an operator's name makes two records of one.
      .filter((bytes) => bytes.indexOf('\n') === bytes.length - 1);
  }

  /** Resolves to false where nobody listens: Harbor does not try again. */
  async send(): Promise<boolean> {
    const socket = connect(this.#port, '127.0.0.1');
    this.#connections.push(socket);
    socket.on('error', () => {});
    try {
      await once(socket, 'connect');
    } catch {
      return false;
    }
    const now = new Date().toISOString();
    const time = `${now.slice(0, 19)}Z`;
    const line = this.#chance
      .pick(this.#records)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)/g, time)
      .replace(/time="\S+ \S+/, `time="${now.slice(0, 10)} ${now.slice(11, 23)}`);
    socket.write(line);
    this.sent++;
    return true;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#connections) socket.destroy();
  }
}
