import { createRequire } from 'node:module';
import type * as Http from 'node:http';

// What is required is what the types say; the compiler cannot follow it there.
const http = createRequire(import.meta.url)('node:http') as typeof Http;

/**
 * Node's HTTP, required and not imported: an import asks the module for each of its exports, and some of these are getters that load
 * Node's own `fetch`, which costs every start memory and some 20 ms, for nothing.
 */
export const { createServer, get, request, STATUS_CODES } = http;
