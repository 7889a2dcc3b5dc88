import type { Command } from '../processes.ts';

/** Where a contender works in one measurement: a fresh directory, and ports of its own. */
export interface Site {
  readonly directory: string;
  readonly input: { readonly protocol: 'tcp' | 'udp'; readonly port: number };
  readonly endpointPort: number;
}

/** A log relay in one configuration. All take RFC 5424 lines and give ECS JSON, one object a line, over TCP. */
export interface Contender {
  readonly name: string;
  /** One line for the table's legend: what is tuned. */
  readonly about: string;
  /** Keeps what it has taken on disk while its endpoint is away. */
  readonly keeps: boolean;
  /** Writes its configuration into the site, and says how to start it. */
  command(site: Site): Command;
}
