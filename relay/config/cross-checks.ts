import { normalize } from 'node:path';
import { formatPath, type Problem } from './problem.ts';
import { isRecord } from './explain-schema.ts';
import type { YamlText } from './yaml-text.ts';

type Path = readonly PropertyKey[];

/**
 * What no single option can be blamed for. It looks at the values as they were written, so that these problems are
 * told together with all others, and takes no notice of what is malformed: the schema speaks of that.
 */
export function crossProblems(yaml: YamlText, value: unknown): Problem[] {
  if (value !== undefined && !isRecord(value)) return [];
  const root = value ?? {};
  const at = (path: Path, message: string): Problem => yaml.problemAt(yaml.offsetOf(path, 'value'), path, message);
  return [
    ...noInput(root, at),
    ...sharedAddresses(root, at),
    ...sharedFiles(root, at),
    ...storedNowhere(root, at),
    ...backoffTurnedRound(root, at),
  ];
}

type Report = (path: Path, message: string) => Problem;
type Root = Readonly<Record<string, unknown>>;

function noInput(root: Root, at: Report): Problem[] {
  const { inputs } = root;
  if (inputs !== undefined && !(isRecord(inputs) && Object.keys(inputs).length === 0)) return [];
  return [at(['inputs'], 'there is no input, so nothing would ever arrive — write at least one below "inputs"')];
}

interface Listener {
  readonly path: Path;
  readonly transport: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
}

function sharedAddresses(root: Root, at: Report): Problem[] {
  const problems: Problem[] = [];
  const listeners: Listener[] = [];
  for (const listener of listenersOf(root)) {
    const other = listeners.find((earlier) => collide(earlier, listener));
    if (other !== undefined)
      problems.push(
        at(
          listener.path,
          `${formatPath(other.path)} listens on ${listener.transport} port ${listener.port} already — write another port`,
        ),
      );
    listeners.push(listener);
  }
  return problems;
}

function* listenersOf(root: Root): Iterable<Listener> {
  const admin = isRecord(root['admin']) ? root['admin']['listen'] : undefined;
  const listens: [Path, unknown][] = [[['admin', 'listen'], admin ?? '127.0.0.1:8686']];
  if (isRecord(root['inputs']))
    for (const [name, input] of Object.entries(root['inputs']))
      if (isRecord(input)) listens.push([['inputs', name, 'listen'], input['listen']]);
  for (const [path, text] of listens) {
    if (typeof text !== 'string') continue;
    const match = /^(?:([a-z]+):\/\/)?(\[[^\]]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(text);
    if (match === null) continue;
    const [, scheme = 'tcp', host = '', port = ''] = match;
    yield { path, transport: scheme === 'udp' ? 'udp' : 'tcp', host, port: Number(port) };
  }
}

function collide(a: Listener, b: Listener): boolean {
  const anywhere = ['0.0.0.0', '[::]'];
  if (a.transport !== b.transport || a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || anywhere.includes(a.host) || anywhere.includes(b.host);
}

/** Two writers would cut each other's lines. */
function sharedFiles(root: Root, at: Report): Problem[] {
  if (!isRecord(root['endpoints'])) return [];
  const writers = new Map<string, string>();
  return Object.entries(root['endpoints']).flatMap(([name, endpoint]) => {
    if (!isRecord(endpoint) || typeof endpoint['path'] !== 'string') return [];
    const path = normalize(endpoint['path']);
    const other = writers.get(path);
    if (other === undefined) writers.set(path, name);
    const message = `endpoints.${other} writes to this file already — write another path`;
    return other === undefined ? [] : [at(['endpoints', name, 'path'], message)];
  });
}

function storedNowhere(root: Root, at: Report): Problem[] {
  const { endpoints, store } = root;
  const hasEndpoint = isRecord(endpoints) && Object.keys(endpoints).length > 0;
  const notStored =
    store === false
      ? 'no record'
      : isRecord(store)
        ? Object.keys(store).find((name) => store[name] === false)
        : undefined;
  if (hasEndpoint || notStored === undefined) return [];
  const what = store === false ? 'nothing is stored' : `${notStored} is not stored`;
  const path = store === false ? ['store'] : ['store', notStored];
  return [
    at(path, `${what} and there is no endpoint, so records would go nowhere — write an endpoint, or "store: true"`),
  ];
}

function backoffTurnedRound(root: Root, at: Report): Problem[] {
  if (!isRecord(root['endpoints'])) return [];
  return Object.entries(root['endpoints']).flatMap(([name, endpoint]) => {
    if (!isRecord(endpoint)) return [];
    const { backoff_min_ms: least = 250, backoff_max_ms: most = 30_000 } = endpoint;
    if (typeof least !== 'number' || typeof most !== 'number' || least <= most) return [];
    const key = endpoint['backoff_max_ms'] === undefined ? 'backoff_min_ms' : 'backoff_max_ms';
    return [
      at(
        ['endpoints', name, key],
        `backoff_min_ms is ${least} and backoff_max_ms is ${most} — write a backoff_max_ms that is not smaller`,
      ),
    ];
  });
}
