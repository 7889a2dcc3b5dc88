import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers as Fluent Bit 5.1.1's own HTTP server does. */
export class FluentBitStandIn implements AsyncDisposable {
  readonly url: URL;
  /** Records read by its inputs, found on the disk at its start, sent, and given up. */
  readonly records = { read: 0, backlog: 0, sent: 0, dropped: 0, filteredOut: 0 };
  chunks = 0;
  /** In its first seconds it has no word on its chunks. */
  hasStorage = true;
  /** What it answers instead of 200. */
  failure: number | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => {
      if (this.failure !== undefined) return void response.writeHead(this.failure).end();
      const answer = request.url === '/api/v1/metrics' ? this.metrics : this.hasStorage ? this.storage : undefined;
      response.setHeader('content-type', 'application/json');
      response.end(answer === undefined ? '' : JSON.stringify(answer));
    });
  }

  static async start(): Promise<FluentBitStandIn> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FluentBitStandIn(server);
  }

  get metrics(): object {
    const { read, backlog, sent, dropped, filteredOut } = this.records;
    const input = { bytes: 0, files_opened: 1, files_closed: 0, files_rotated: 0 };
    return {
      input: {
        pages: { records: read, ...input },
        worker: { records: 0, ...input },
        'storage_backlog.3': { records: backlog, bytes: 0 },
      },
      filter: { edge: { drop_records: filteredOut, add_records: 0, drop_bytes: 0 } },
      output: {
        relay: {
          proc_records: sent,
          proc_bytes: 0,
          errors: 0,
          retries: 2,
          retries_failed: 0,
          dropped_records: dropped,
        },
      },
    };
  }

  get storage(): object {
    const chunks = (total: number): object => ({
      status: { overlimit: false, mem_size: '0b', mem_limit: '0b' },
      chunks: { total, up: 0, down: total, busy: 0, busy_size: '0b' },
    });
    return {
      storage_layer: { chunks: { total_chunks: this.chunks, mem_chunks: 0, fs_chunks: this.chunks } },
      input_chunks: { pages: chunks(this.chunks), worker: chunks(0) },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
