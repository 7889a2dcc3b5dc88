import { createRequire } from 'node:module';
import type * as Undici from 'undici';

let loaded: typeof Undici | undefined;

/** The HTTP client, loaded when it is first needed: a relay that sends nothing over HTTP does without its 25 MB and its 100 ms. */
export function undici(): typeof Undici {
  // What is required is what the types say; the compiler cannot follow it there.
  loaded ??= createRequire(import.meta.url)('undici') as typeof Undici;
  return loaded;
}
