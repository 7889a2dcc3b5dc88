import { request as httpsRequest } from 'node:https';
import { request as httpRequest } from '../../io/http.ts';
import type { Check, CheckSubject, Finding } from './check.ts';

/** An answer's `Date` is in whole seconds, and it was on its way; less than this says nothing. */
const SKEW_MS_MAX = 60_000;

/**
 * This machine's clock against those of the endpoints that tell theirs: by the `Date` of an HTTP answer (RFC 9110 §6.6.1). A wrong clock
 * makes certificates invalid, gives records without a time a wrong one, and makes purges refuse.
 */
export const clock: Check = {
  name: 'clock',
  run: async (subject) => {
    if (!subject.connect) return [];
    const addresses = subject.config.endpoints.flatMap(({ name, definition, options }) =>
      definition
        .addresses(options)
        .filter((address) => /^https?:\/\//.test(address))
        .map((address) => ({ name, address })),
    );
    const findings = await Promise.all(addresses.map(({ name, address }) => compare(name, address, subject)));
    return findings.flatMap((finding) => finding ?? []);
  },
};

async function compare(
  name: string,
  address: string,
  { context, timeoutMs }: CheckSubject,
): Promise<Finding | undefined> {
  const date = await dateOf(address, timeoutMs);
  // That it does not answer is told of where it is connected to.
  if (date === undefined) return undefined;
  const skewMs = date - context.clock.nowMs();
  if (Math.abs(skewMs) <= SKEW_MS_MAX) return { outcome: 'ok', message: `clock: that of endpoints.${name} agrees` };
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const message = `clock: endpoints.${name} has a time ${seconds} s ${skewMs > 0 ? 'after' : 'before'} this machine's; set the wrong one of the two`;
  return { outcome: 'warning', message };
}

/** The time that a server says it has; undefined where it says none. Nothing but its `Date` is believed, so its certificate may be anybody's. */
function dateOf(address: string, timeoutMs: number): Promise<number | undefined> {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  const options = { method: 'HEAD', timeout: timeoutMs, agent: false } as const;
  return new Promise((resolve) => {
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, rejectUnauthorized: false })
        : httpRequest(url, options);
    request.on('response', (response) => {
      const ms = Date.parse(response.headers.date ?? '');
      resolve(Number.isNaN(ms) ? undefined : ms);
      request.destroy();
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
    request.on('close', () => resolve(undefined));
    request.end();
  });
}
