import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { parseHostPort } from '../config/schema.ts';

/**
 * Keeps web sites from having a browser talk to the relay as if they were its console: by a name of theirs that points here (DNS
 * rebinding), or from a page of theirs. A browser always tells the name that it asked for, and where a request that changes something
 * comes from.
 */
export class HostRule {
  readonly #names: ReadonlySet<string>;
  /** Within reach of other machines: then it may be reached by names that are not known here, for what changes nothing. */
  readonly #isExposed: boolean;

  constructor(listen: string, hosts: readonly string[]) {
    const address = parseHostPort(listen);
    const host = typeof address === 'string' ? '' : address.host.toLowerCase();
    this.#isExposed = !/^(localhost|127\..*|::1)$/.test(host);
    this.#names = new Set(['localhost', host, ...hosts.map((name) => name.toLowerCase())]);
  }

  /** Why a request is refused; undefined for one that is not. */
  refusal({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): string | undefined {
    const changesNothing = method === 'GET' || method === 'HEAD';
    const host = hostName(headers.host ?? '');
    if (!this.#isOurs(host) && !(changesNothing && this.#isExposed))
      return 'this relay is not known by the name that was asked for; `admin.hosts` says which names there are';
    const { origin } = headers;
    if (origin !== undefined && !changesNothing && origin.replace(/^https?:\/\//, '') !== headers.host)
      return 'this request comes from a page of another site';
    return undefined;
  }

  #isOurs(host: string): boolean {
    return isIP(host) !== 0 || this.#names.has(host);
  }
}

/** The name in a `Host` header, without port and brackets. */
function hostName(header: string): string {
  return header
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
}
