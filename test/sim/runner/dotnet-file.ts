import { closeSync, openSync, writeSync } from 'node:fs';

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** What `new StreamWriter(stream, encoding)` gathers. */
const WRITER_CHARS = 1_024;
/** What `new FileStream(path, mode, access, share)` gathers. */
const STREAM_BYTES = 4_096;

/**
 * A `StreamWriter` with UTF-8 over a `FileStream`, neither flushed until closed: the text reaches the file in pieces of 4096 bytes, which
 * may end inside a character. (StreamWriter.cs and BufferedFileStreamStrategy.cs of .NET.)
 */
export class DotnetFile {
  readonly #files: readonly number[];
  readonly #stream = Buffer.alloc(STREAM_BYTES);
  #gathered = 0;
  #text = '';
  #begun = false;
  /** That are in the file, for others to see. */
  bytesWritten = 0;

  /** Creates the file; throws where there is one. `copy` gets the same bytes at the same moments. */
  constructor(path: string, copy?: string) {
    this.#files = [path, ...(copy === undefined ? [] : [copy])].map((file) => openSync(file, 'wx', 0o644));
  }

  write(text: string): void {
    this.#text += text;
    while (this.#text.length > WRITER_CHARS) {
      const last = this.#text.charCodeAt(WRITER_CHARS - 1);
      this.#passOn(last >= 0xd800 && last < 0xdc00 ? WRITER_CHARS - 1 : WRITER_CHARS);
    }
  }

  /** Writes what is gathered. A file in which nothing was written gets its byte order mark all the same. */
  close(): void {
    this.#passOn(this.#text.length);
    this.#flush();
    this.abandon();
  }

  /** The process is killed: what is gathered is gone. */
  abandon(): void {
    for (const file of this.#files) closeSync(file);
  }

  #passOn(chars: number): void {
    if (!this.#begun) this.#gather(BOM);
    this.#begun = true;
    this.#gather(Buffer.from(this.#text.slice(0, chars)));
    this.#text = this.#text.slice(chars);
  }

  #gather(bytes: Buffer): void {
    for (let from = 0; from < bytes.length;) {
      if (this.#gathered === STREAM_BYTES) this.#flush();
      const copied = bytes.copy(this.#stream, this.#gathered, from);
      this.#gathered += copied;
      from += copied;
    }
  }

  #flush(): void {
    for (const file of this.#files) writeSync(file, this.#stream, 0, this.#gathered);
    this.bytesWritten += this.#gathered;
    this.#gathered = 0;
  }
}
