import { computed, signal } from '@preact/signals';

// Addresses are behind the `#`: the server has one page, and what is looked for never reaches a log of a proxy.

const hash = signal(location.hash);
addEventListener('hashchange', () => (hash.value = location.hash));

export interface Place {
  /** `#/runs/acme/web/17?job=build` → `['runs', 'acme', 'web', '17']`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export const place = computed<Place>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2);
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decode),
    query: new URLSearchParams(query),
  };
});

/** The address of a page, for `href`. */
export function linkTo(path: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const search = new URLSearchParams(
    Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  ).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, '', to);
    hash.value = to;
  } else location.hash = to;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
