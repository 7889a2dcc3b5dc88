/** Where an output connects to, out of a URL such as `tls://logs.example:6514` or `https://[2001:db8::1]:9543/path`. */
export interface EndpointAddress {
  readonly scheme: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** Path and query, `/` where there is none. */
  readonly path: string;
}

/**
 * Reads the URL of an endpoint; a string says what is wrong with it. `defaultPorts` has the schemes that are allowed, each with the
 * port to use where the URL names none; `undefined` there means that the URL must name one.
 */
export function parseEndpointUrl(
  text: string,
  defaultPorts: Readonly<Record<string, number | undefined>>,
): EndpointAddress | string {
  const schemes = Object.keys(defaultPorts);
  const match = /^([a-z][a-z0-9]*):\/\/(\[[0-9a-fA-F:.]+\]|[^:/?#[\]@\s]+)(?::(\d{1,5}))?([/?][^\s#]*)?$/.exec(text);
  if (match === null) {
    // A password in a configuration file ends up in backups and in this very message: it is not repeated here.
    if (/:\/\/[^/?#]*@/.test(text)) return 'a URL must not hold credentials; use username and password_file';
    return `"${text}" is not an address; write it like "${schemes[0]!}://host:${defaultPorts[schemes[0]!] ?? 5514}"`;
  }
  const [, scheme = '', host = '', portText, path = '/'] = match;
  if (!schemes.includes(scheme)) {
    return `"${scheme}://" cannot be sent to here; use ${schemes.map((s) => `${s}://`).join(' or ')}`;
  }
  const port = portText === undefined ? defaultPorts[scheme] : Number(portText);
  if (port === undefined) return `"${text}" names no port; write it like "${scheme}://${host}:5514"`;
  if (port < 1 || port > 65_535) return `port ${port} is not from 1 to 65535`;
  return { scheme, host: host.replace(/^\[|\]$/g, ''), port, path: path.startsWith('/') ? path : `/${path}` };
}
