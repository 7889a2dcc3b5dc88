import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DotnetFile } from './dotnet-file.ts';
import type { RunnerClock } from './runner-clock.ts';
import type { TruePage } from './truth.ts';
import type { UploadQueue } from './upload-queue.ts';

const BLOCK_BYTES = 2 * 1_048_576;

/** What the loggers of one job share. */
export interface PagingContext {
  /** `_diag` */
  readonly folder: string;
  readonly timeline: string;
  readonly newline: string;
  readonly clock: RunnerClock;
  readonly queue: UploadQueue;
  /** The runner's is 8 MiB. */
  readonly pageBytes: number;
}

interface OpenFile {
  readonly file: DotnetFile;
  readonly path: string;
}

interface OpenPage extends OpenFile {
  readonly known: TruePage;
}

/**
 * Writes the pages and blocks of one timeline record. A page is made when it is needed, and a new one as soon as one is full.
 * (Logging.cs)
 */
export class PagingLogger {
  readonly #context: PagingContext;
  readonly #record: string;
  readonly #pages: TruePage[];
  readonly #copyFolder: string | undefined;
  #page: OpenPage | undefined;
  #block: OpenFile | undefined;
  #pageBytes = 0;
  #blockBytes = 0;
  #pageCount = 0;
  #blockCount = 0;

  /** Tells of each page in `pages`, and copies it to `copyFolder` where there is one. */
  constructor(context: PagingContext, record: string, pages: TruePage[], copyFolder?: string) {
    this.#context = context;
    this.#record = record;
    this.#pages = pages;
    this.#copyFolder = copyFolder;
  }

  write(message: string): void {
    const page = this.#page ?? this.#newPage();
    const block = this.#block ?? this.#newBlock();
    const line = `${this.#context.clock.stamp()} ${message}`;
    page.file.write(line + this.#context.newline);
    block.file.write(line + this.#context.newline);
    const bytes = Buffer.byteLength(line);
    this.#pageBytes += bytes;
    this.#blockBytes += bytes;
    if (this.#pageBytes >= this.#context.pageBytes) this.#newPage();
    if (this.#blockBytes >= BLOCK_BYTES) this.#newBlock();
  }

  end(): void {
    this.#endPage();
    this.#endBlock();
  }

  /** The process is killed: what .NET had gathered never reaches a file, and no file is deleted. */
  kill(): void {
    this.#page?.file.abandon();
    if (this.#page !== undefined) this.#page.known.bytes = this.#page.file.bytesWritten;
    this.#block?.file.abandon();
    this.#page = undefined;
    this.#block = undefined;
  }

  #newPage(): OpenPage {
    this.#endPage();
    this.#pageBytes = 0;
    const { folder, timeline } = this.#context;
    const number = ++this.#pageCount;
    const name = `${timeline}_${this.#record}_${number}.log`;
    const path = join(folder, 'pages', name);
    const known = { name, record: this.#record, number, bytes: 0 };
    this.#pages.push(known);
    const copy = this.#copyFolder === undefined ? undefined : join(this.#copyFolder, name);
    return (this.#page = { file: new DotnetFile(path, copy), path, known });
  }

  #endPage(): void {
    if (this.#page === undefined) return;
    const { file, path, known } = this.#page;
    file.close();
    known.bytes = file.bytesWritten;
    this.#page = undefined;
    this.#context.queue.queuePage(path);
  }

  #newBlock(): OpenFile {
    this.#endBlock();
    this.#blockBytes = 0;
    const { folder, timeline } = this.#context;
    const path = join(folder, 'blocks', `${timeline}_${this.#record}.${++this.#blockCount}`);
    return (this.#block = { file: new DotnetFile(path), path });
  }

  /** Where the results service is off, a block is deleted as soon as it is closed. */
  #endBlock(): void {
    if (this.#block === undefined) return;
    this.#block.file.close();
    rmSync(this.#block.path, { force: true });
    this.#block = undefined;
  }
}
