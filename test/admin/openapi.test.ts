import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openApiDocument } from '../../relay/admin/openapi/document.ts';
import { allOperations } from '../../relay/admin/openapi/operations.ts';

const operations = allOperations();

test('docs/openapi.json says what the API does (`npm run docs` writes it)', () => {
  const written: unknown = JSON.parse(readFileSync('docs/openapi.json', 'utf8'));
  expect(written).toEqual(JSON.parse(JSON.stringify(openApiDocument(operations))));
});

test('every operation is described once, in a sentence, and what changes something has a name in the audit', () => {
  const seen = new Set<string>();
  for (const { method, path, summary, action, role } of operations) {
    const at = `${method} ${path}`;
    expect(seen, at).not.toContain(at);
    seen.add(at);
    expect(summary, at).toMatch(/^[A-Z].{10,}\.$/);
    if (method !== 'GET' && role !== 'anybody') expect(action, at).toMatch(/^[a-z]+(-[a-z]+)+$/);
  }
});
