import type { Clock } from '../io/clock.ts';
import { get } from '../io/http.ts';

/** What Fluent Bit says of itself. */
export interface FluentBitFigures {
  /** Records that were read and are neither sent nor given up; undefined where that cannot be told yet. */
  readonly undelivered: number | undefined;
  /** Pieces that are not delivered. As much as 5 s old. Undefined in its first 5 s, and without `storage.metrics`. */
  readonly chunks: number | undefined;
}

/** How long an answer may take, in milliseconds, and how large it may be. */
const ANSWER_MS = 2_000;
const ANSWER_BYTES_MAX = 4 * 2 ** 20;

/**
 * Asks Fluent Bit's own HTTP server (`http_server on`): `/api/v1/metrics` and `/api/v1/storage`. A string says why there is no answer.
 * Both are copies that Fluent Bit renews, the first each second and the second every 5 s (flb_metrics_exporter.c, flb_storage.c).
 */
export async function askFluentBit(url: URL, clock: Clock): Promise<FluentBitFigures | string> {
  try {
    const [metrics, storage] = await Promise.all([
      getJson(new URL('/api/v1/metrics', url), clock),
      getJson(new URL('/api/v1/storage', url), clock),
    ]);
    return { undelivered: undeliveredRecords(metrics), chunks: waitingChunks(storage) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Of `/api/v1/metrics`: what came in, less what filters took out and what the slowest output has sent or given up. After a restart
 * what was left on the disk counts as read by `storage_backlog.N`. Undefined where the answer is not of that form.
 */
export function undeliveredRecords(metrics: unknown): number | undefined {
  const inputs = parts(metrics, 'input');
  const outputs = parts(metrics, 'output');
  if (inputs === undefined || outputs === undefined || outputs.length === 0) return undefined;
  const filters = parts(metrics, 'filter') ?? [];
  const taken = sum(inputs, 'records') + sum(filters, 'add_records') - sum(filters, 'drop_records');
  const settled = outputs.map((output) => figure(output, 'proc_records') + figure(output, 'dropped_records'));
  return Math.max(0, taken - Math.min(...settled));
}

/** Of `/api/v1/storage`: the chunks of all inputs. Undefined where the answer is not of that form. */
export function waitingChunks(storage: unknown): number | undefined {
  const inputs = parts(storage, 'input_chunks');
  if (inputs === undefined || inputs.length === 0) return undefined;
  return inputs.reduce<number>((all, input) => all + figure(property(input, 'chunks'), 'total'), 0);
}

function parts(answer: unknown, name: string): unknown[] | undefined {
  const part = property(answer, name);
  return typeof part === 'object' && part !== null ? Object.values(part) : undefined;
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function figure(part: unknown, name: string): number {
  const value = property(part, name);
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function sum(all: readonly unknown[], name: string): number {
  return all.reduce<number>((total, part) => total + figure(part, name), 0);
}

/** Undefined for an empty body, which is what Fluent Bit gives while it has no figures yet. */
function getJson(url: URL, clock: Clock): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers: { accept: 'application/json' } }, (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > ANSWER_BYTES_MAX)
          request.destroy(new Error(`${url.href} answered more than ${ANSWER_BYTES_MAX} bytes`));
        pieces.push(piece);
      });
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString('utf8').trim();
        if (response.statusCode !== 200) return reject(new Error(`${url.href} answered ${response.statusCode}`));
        try {
          resolve(text === '' ? undefined : JSON.parse(text));
        } catch {
          reject(new Error(`${url.href} answered something that is no JSON`));
        }
      });
    });
    const timer = clock.after(ANSWER_MS, () =>
      request.destroy(new Error(`${url.href} did not answer within ${ANSWER_MS} ms`)),
    );
    request.on('close', () => timer.cancel());
    request.on('error', reject);
  });
}
