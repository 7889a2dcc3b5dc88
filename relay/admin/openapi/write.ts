// Part of `npm run docs`: writes the description of the API.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from './document.ts';
import { allOperations } from './operations.ts';

const file = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));
writeFileSync(file, `${JSON.stringify(openApiDocument(allOperations()), null, 2)}\n`);
