import type { ConfiguredEndpoint } from '../../config/config.ts';
import { describeError } from '../../errors.ts';
import { silentLog } from '../../telemetry/logger.ts';
import type { CommandContext } from '../command.ts';
import type { Check, CheckSubject, Finding } from './check.ts';

/** Every address of every endpoint answers, all asked at once. Only when asked for: it opens connections to the outside. */
export const endpoints: Check = {
  name: 'endpoints',
  run: async (subject) => {
    const { config, connect } = subject;
    if (config.endpoints.length === 0) return [];
    if (!connect) return [{ outcome: 'skipped', message: 'endpoints were not connected to; --connect does it' }];
    const attempts = config.endpoints.flatMap((endpoint) => {
      const addresses = endpoint.definition.addresses(endpoint.options);
      return (addresses.length === 0 ? [undefined] : addresses).map((address) => attempt(endpoint, address, subject));
    });
    return Promise.all(attempts);
  },
};

async function attempt(
  { name, definition, options }: ConfiguredEndpoint,
  address: string | undefined,
  { context, timeoutMs }: CheckSubject,
): Promise<Finding> {
  const label = `endpoints.${name}${address === undefined ? '' : ` at ${withoutPassword(address)}`}`;
  const { clock, random } = context;
  const startedMs = clock.monotonicMs();
  try {
    const relayId = uuid(random.bytes(16));
    const output = definition.create(
      options,
      { name, clock, random, log: silentLog, relayId, connectionLost: () => {} },
      address,
    );
    try {
      await withDeadline(context, timeoutMs, (signal) => output.probe(signal));
    } finally {
      await output.close();
    }
    return { outcome: 'ok', message: `${label}: answered in ${Math.round(clock.monotonicMs() - startedMs)} ms` };
  } catch (error) {
    return { outcome: 'problem', message: `${label}: ${describeError(error)}` };
  }
}

/** Ends with the deadline even where the task does not listen to its signal. */
async function withDeadline(
  { clock, signal }: CommandContext,
  timeoutMs: number,
  task: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const giveUp = new AbortController();
  const expired = new Promise<never>((_, reject) => {
    giveUp.signal.addEventListener('abort', () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  });
  const timer = clock.after(timeoutMs, () => giveUp.abort());
  const stop = (): void => giveUp.abort();
  signal.addEventListener('abort', stop);
  try {
    await Promise.race([expired, task(giveUp.signal)]);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', stop);
  }
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//');
}

/** A UUID of version 4 (RFC 9562 §5.4): a check is no relay that an endpoint should come to know. */
function uuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
