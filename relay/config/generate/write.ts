// `npm run docs`: writes every generated file, and deletes pages of components that are gone.
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { registry } from '../registry.ts';
import { generatedFiles } from './generated-files.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const files = generatedFiles(registry);

for (const page of globSync('docs/components/*.md', { cwd: root })) if (!files.has(page)) rmSync(join(root, page));
for (const [path, text] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
