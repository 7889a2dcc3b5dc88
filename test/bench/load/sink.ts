import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { nowUs, serve } from './child.ts';
import { Judge, sentAtIn, type Verdict } from './judge.ts';
import { LineReader, countLines } from './line-reader.ts';

/** The process that receives: counts lines, or looks into each to judge loss or latency. */
export interface Arrived {
  readonly records: number;
  readonly bytes: number;
  readonly firstAtUs: number;
  readonly lastAtUs: number;
}

export type SinkMode =
  | { readonly mode: 'count' }
  | { readonly mode: 'judge'; readonly records: number; readonly connections: number }
  | { readonly mode: 'latency' };

let server: Server | undefined;
let sockets = new Set<Socket>();
let judge: Judge | undefined;
let latenciesUs: number[] = [];
let arrived = { records: 0, bytes: 0, firstAtUs: 0, lastAtUs: 0 };
let waiting: (() => void) | undefined;
let what: SinkMode = { mode: 'count' };

/** Forgets what arrived, and says what to do with what comes. */
function begin(mode: SinkMode): void {
  what = mode;
  judge = mode.mode === 'judge' ? new Judge(mode.records, mode.connections) : undefined;
  latenciesUs = [];
  arrived = { records: 0, bytes: 0, firstAtUs: 0, lastAtUs: 0 };
}

async function listen({ port }: { port: number }): Promise<number> {
  const started = createServer({ noDelay: true }, admit);
  started.listen(port, '127.0.0.1');
  await once(started, 'listening');
  server = started;
  const address = started.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/** Refuses new connections and breaks those there are, as an endpoint does that goes down. */
async function refuse(): Promise<void> {
  const stopped = server;
  server = undefined;
  if (stopped === undefined) return;
  const closed = once(stopped, 'close');
  stopped.close();
  for (const socket of sockets) socket.resetAndDestroy();
  sockets = new Set();
  await closed;
}

function admit(socket: Socket): void {
  sockets.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  const reader = new LineReader(readLine);
  socket.on('data', (chunk) => {
    arrived.records += what.mode === 'count' ? countLines(chunk) : reader.push(chunk);
    arrived.bytes += chunk.length;
    arrived.lastAtUs = nowUs();
    if (arrived.firstAtUs === 0) arrived.firstAtUs = arrived.lastAtUs;
    waiting?.();
  });
}

function readLine(bytes: Buffer, start: number, end: number): void {
  if (judge !== undefined) judge.line(bytes, start, end);
  else {
    const sentAtUs = sentAtIn(bytes, start, end);
    if (sentAtUs > 0) latenciesUs.push(nowUs() - sentAtUs);
  }
}

/** How many have come: each number once where they are judged. */
function progress(): number {
  return judge?.distinct ?? arrived.records;
}

/** Resolves once so many records have arrived, or nothing has for so long. */
function wait({ records, stallMs }: { records: number; stallMs: number }): Promise<Arrived> {
  return new Promise((resolve) => {
    let before = -1;
    const timer = setInterval(() => {
      if (arrived.records === before) finish();
      before = arrived.records;
    }, stallMs);
    const finish = (): void => {
      clearInterval(timer);
      waiting = undefined;
      resolve(arrived);
    };
    waiting = () => {
      if (progress() >= records) finish();
    };
    waiting();
  });
}

function count(): number {
  return progress();
}

function verdict({ sent }: { sent: number }): Verdict | undefined {
  return judge?.verdict(sent);
}

/** The latencies at these parts of all, in microseconds. */
function quantiles({ parts }: { parts: readonly number[] }): { count: number; us: number[] } {
  const sorted = Float64Array.from(latenciesUs).sort();
  const us = parts.map((part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN);
  return { count: sorted.length, us };
}

const service = { begin, listen, refuse, wait, count, verdict, quantiles };
export type SinkService = typeof service;
serve(service);
