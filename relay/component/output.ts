import type { z } from 'zod';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Log } from '../telemetry/logger.ts';

/** Records for one delivery: a run of whole lines of ECS JSON, each ended by LF. */
export interface Delivery {
  readonly firstSeq: number;
  readonly records: number;
  /** The lines, as they are stored. Must not be changed; valid until `deliver` has settled and the connection is gone. */
  readonly lines: Buffer;
}

/** How much one call of `deliver` may carry. */
export interface DeliveryLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Calls of `deliver` that may overlap. */
  readonly inFlightMax: number;
}

export interface Output {
  readonly limits: DeliveryLimits;

  /**
   * Sends the records and resolves when the endpoint has acknowledged all of them; where its protocol knows no acknowledgement, when
   * they have left for the network. Called in the order of the records. Calls may overlap up to `inFlightMax`; when one fails, those
   * that were sent after it over the same connection fail too.
   *
   * Throws a `RelayError`: `retry` offers the same records again later; `OUTPUT_REFUSED_RECORD` with `recordIndex` says that the
   * records before that place were taken and the one at it never will be; `OUTPUT_REFUSED_BATCH` says that something in it was
   * refused for good, not what: delivery halves the batch until it is found.
   *
   * Connects when it has to. An aborted `signal` makes it give up at once and drop the connection.
   */
  deliver(delivery: Delivery, signal: AbortSignal): Promise<void>;

  /** Opens a connection as `deliver` would, logs in where the protocol does, sends no record. For `check --connect` and probes. */
  probe(signal: AbortSignal): Promise<void>;

  /** Drops the connection. May be called twice; `deliver` may be called again after it. */
  close(): Promise<void>;
}

export interface OutputContext {
  /** The operator's name for the endpoint. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A UUID that names this relay and stays the same for ever. */
  readonly relayId: string;
  /**
   * For outputs whose protocol has no acknowledgement: tells that the connection was lost, so that what was sent last and may not
   * have arrived is sent again.
   */
  connectionLost(): void;
}

export interface OutputDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly type: string;
  readonly stability: 'stable' | 'beta' | 'experimental';
  readonly summary: string;
  readonly notes: readonly string[];
  readonly options: Options;
  /**
   * Where the endpoint's word that it has the records comes from. `none`: the last records sent are sent again after a
   * reconnect, and the cursor stays behind them until then. May depend on the URL.
   */
  acknowledgement(options: z.output<Options>): 'endpoint' | 'none';
  /** The addresses to try in turn, for display; one output is created for each. Empty where there is no network. */
  addresses(options: z.output<Options>): readonly string[];
  /** `address` is one of `addresses`, or undefined where there are none. */
  create(options: z.output<Options>, context: OutputContext, address: string | undefined): Output;
}

export function defineOutput<Options extends z.ZodObject>(
  definition: OutputDefinition<Options>,
): OutputDefinition<Options> {
  return definition;
}
