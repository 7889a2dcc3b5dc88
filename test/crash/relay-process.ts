import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Archive } from '../../relay/journal/archive.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

/** One line of the relay's own log. */
export interface LogLine {
  readonly level: string | number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The real relay, as a process that can be killed and started again on the same folder. */
export class RelayProcess {
  readonly folder: string;
  readonly #configFile: string;
  readonly #nodeOptions: readonly string[];
  /** Of the process that runs, or ran last. */
  log: LogLine[] = [];
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(folder: string, config: object, nodeOptions: readonly string[] = []) {
    this.folder = folder;
    this.#nodeOptions = nodeOptions;
    this.#configFile = join(folder, 'config.yaml');
    mkdirSync(folder, { recursive: true });
    writeFileSync(this.#configFile, JSON.stringify(config));
  }

  get dataFolder(): string {
    return join(this.folder, 'data');
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it and waits until it is ready. Throws its last words where it ends instead. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [...this.#nodeOptions, MAIN, 'run', '--config', this.#configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.log = [];
    const words: string[] = [];
    child.stderr.on('data', (piece: Buffer) => words.push(piece.toString()));
    this.#ended = once(child, 'exit').then(() => (this.#child = undefined));
    await new Promise<void>((ready, reject) => {
      createInterface({ input: child.stdout }).on('line', (text) => {
        const line = parse(text);
        this.log.push(line);
        if (line.msg === 'ready') ready();
      });
      child.once('exit', (code) =>
        reject(new Error(`the relay ended (${code}): ${words.join('')} ${JSON.stringify(this.log.at(-1))}`)),
      );
    });
  }

  /** Records that an endpoint is owed, or all endpoints together, as the journal has it. Works while the relay runs, too. */
  backlog(endpoint?: string): number {
    using archive = new Archive(this.dataFolder);
    return archive
      .cursors()
      .filter((cursor) => endpoint === undefined || cursor.endpoint === endpoint)
      .reduce((sum, cursor) => sum + cursor.backlogRecords, 0);
  }

  /** As `kill -9`: it gets no chance to do anything. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    await this.#ended;
  }
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 'text', msg: text };
  }
}

/** Ports that nobody has at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
}
