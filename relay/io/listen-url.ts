/** Where an input listens, out of a URL such as `tls://0.0.0.0:6514` or `udp://[::]:5514`. */
export interface ListenAddress {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
}

/** Reads a listen URL; a string says what is wrong with it. Port 0 picks a free one. */
export function parseListenUrl(text: string, schemes: readonly string[]): ListenAddress | string {
  const example = `${schemes[0]!}://0.0.0.0:5514`;
  const match = /^([a-z]+):\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(text);
  if (match === null) return `"${text}" is not a listen address; write it like "${example}"`;
  const [, scheme = '', host = '', portText = ''] = match;
  if (!schemes.includes(scheme))
    return `"${scheme}://" cannot be listened on here; use ${schemes.map((s) => `${s}://`).join(' or ')}`;
  const port = Number(portText);
  if (port > 65_535) return `port ${portText} is above 65535`;
  return { scheme, host: host.replace(/^\[|\]$/g, ''), port };
}

/** `host:port` with an IPv6 host in brackets. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
