import type { Endpoint } from '../delivery/endpoint.ts';
import { Replayer } from '../delivery/replayer.ts';
import { RelayError, describeError } from '../errors.ts';
import type { SearchScope, SearchStep } from '../query/request.ts';
import type { Relay, RelayWorld } from './relay.ts';

/** Replays at once: each takes a turn of the searches. */
const RUNNING_MAX = 2;
/** Replays remembered after their end. */
const REMEMBERED_MAX = 50;
/** A replay takes as long as it takes. */
const NO_TIME_LIMIT_MS = Number.MAX_SAFE_INTEGER;

export interface ReplayRequest {
  readonly endpoint: Endpoint;
  readonly scope: SearchScope;
  /** 0: as fast as the endpoint takes them. */
  readonly recordsPerSecond: number;
  readonly who: string;
}

export interface ReplayStatus {
  readonly id: number;
  readonly endpoint: string;
  readonly query: string;
  readonly who: string;
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
  /** From 0 to 1. */
  readonly progress: number;
  readonly sent: number;
  readonly refused: number;
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  /** What is in the way at present, or ended it. */
  readonly trouble: string | undefined;
}

interface Running {
  status: ReplayStatus;
  readonly stop: AbortController;
}

/** Sends records of the journal to an endpoint once more, while the relay runs. Records keep their ids; no cursor moves. */
export class Replays {
  readonly #relay: Relay;
  readonly #world: RelayWorld;
  readonly #all = new Map<number, Running>();
  #lastId = 0;

  constructor(relay: Relay, world: RelayWorld) {
    this.#relay = relay;
    this.#world = world;
  }

  /** The newest first. */
  list(): ReplayStatus[] {
    return [...this.#all.values()].map(({ status }) => status).toReversed();
  }

  /** Begins a replay. Throws `REPLAY_BUSY` where enough are under way, and `QUERY_INVALID` for a query that cannot be understood. */
  async start(request: ReplayRequest): Promise<ReplayStatus> {
    const { endpoint, scope, who } = request;
    const underWay = [...this.#all.values()].filter(({ status }) => status.state === 'running');
    if (underWay.length >= RUNNING_MAX || underWay.some(({ status }) => status.endpoint === endpoint.name))
      throw new RelayError('REPLAY_BUSY', `a replay to ${endpoint.name} is under way, or enough others are`);
    const stop = new AbortController();
    const steps = this.#relay.searches.search(
      { ...scope, order: 'oldest', recordsMax: Number.MAX_SAFE_INTEGER },
      { signal: stop.signal, timeLimitMs: NO_TIME_LIMIT_MS },
    );
    // The first step tells what is wrong with the query.
    const first = await steps.next();
    const id = ++this.#lastId;
    const running: Running = {
      stop,
      status: {
        id,
        endpoint: endpoint.name,
        query: scope.query,
        who,
        state: 'running',
        progress: 0,
        sent: 0,
        refused: 0,
        startedMs: this.#world.clock.nowMs(),
        endedMs: undefined,
        trouble: undefined,
      },
    };
    this.#all.set(id, running);
    if (this.#all.size > REMEMBERED_MAX) this.#forgetOne();
    void this.#run(running, request, first.done === true ? undefined : first.value, steps);
    return running.status;
  }

  /** False where there is no such replay, or it has ended. */
  stop(id: number): boolean {
    const running = this.#all.get(id);
    if (running?.status.state !== 'running') return false;
    running.stop.abort();
    return true;
  }

  stopAll(): void {
    for (const { stop } of this.#all.values()) stop.abort();
  }

  /** Never rejects. */
  async #run(
    running: Running,
    { endpoint, recordsPerSecond }: ReplayRequest,
    first: SearchStep | undefined,
    steps: AsyncGenerator<SearchStep, void>,
  ): Promise<void> {
    const { clock, random, log } = this.#world;
    const { signal } = running.stop;
    const set = (change: Partial<ReplayStatus>): void => {
      running.status = { ...running.status, ...change };
    };
    const output = endpoint.openReplay();
    const replayer = new Replayer({
      output,
      clock,
      random,
      signal,
      backoff: { minMs: 250, maxMs: 30_000 },
      recordsPerSecond,
      fromSeq: 0,
      onTrouble: (reason) => set({ trouble: reason }),
      onRefused: (_id, reason) => set({ trouble: `a record was refused: ${reason}` }),
    });
    try {
      for (let step = first; step !== undefined && !signal.aborted; step = (await steps.next()).value ?? undefined) {
        if (!(await replayer.send(linesOf(step)))) break;
        set({ progress: step.progress.part, sent: replayer.sent, refused: replayer.refused });
        if (step.ending !== undefined) break;
      }
      set({ state: signal.aborted ? 'stopped' : 'done', sent: replayer.sent, refused: replayer.refused });
    } catch (error) {
      set({ state: 'failed', trouble: describeError(error) });
    } finally {
      set({ endedMs: clock.nowMs(), sent: replayer.sent, refused: replayer.refused });
      await steps.return().catch(() => undefined);
      await output.close();
    }
    const { state, sent, refused } = running.status;
    log.info('a replay has ended', { endpoint: endpoint.name, state, records: sent, refused });
  }

  #forgetOne(): void {
    for (const [id, { status }] of this.#all) if (status.state !== 'running') return void this.#all.delete(id);
  }
}

function linesOf({ found }: SearchStep) {
  return {
    firstSeq: found[0]?.seq ?? 0,
    lastSeq: found.at(-1)?.seq ?? 0,
    records: found.length,
    lines: Buffer.from(found.map(({ line }) => `${line}\n`).join('')),
  };
}
