import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { problemsOf } from '../support/config.ts';

// Each file says in its first lines what an operator is told about it: `# expect: LINE:COLUMN: …`.
const files = globSync('test/config/broken/*.yaml').sort();

test.each(files)('%s is refused with every problem, where it is, and what would be right', (file) => {
  const text = readFileSync(file, 'utf8');
  const expected = [...text.matchAll(/^# expect: (.*)$/gm)].map(([, line]) => `config.yaml:${line}`);

  const problems = problemsOf(text);

  expect(expected.length, `${basename(file)} says nothing of what to expect`).toBeGreaterThan(0);
  expect(problems).toEqual(expected);
});

test('there are as many broken files as there are kinds of mistakes we know', () => {
  expect(files.length).toBeGreaterThanOrEqual(40);
});
