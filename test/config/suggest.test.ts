import { expect, test } from 'vitest';
import { editDistance, suggest } from '../../relay/config/suggest.ts';

test.each([
  { word: 'lisen', meant: 'listen' },
  { word: 'lsiten', meant: 'listen' },
  { word: 'maxBytes', meant: 'max_bytes' },
  { word: 'max-bytes', meant: 'max_bytes' },
  { word: 'colour', meant: undefined },
  { word: '', meant: undefined },
])('$word was meant to be $meant', ({ word, meant }) => {
  expect(suggest(word, ['listen', 'max_bytes', 'type'])).toBe(meant);
});

test('two letters that changed places are one mistake', () => {
  expect(editDistance('ab', 'ba', 9)).toBe(1);
  expect(editDistance('kitten', 'sitting', 9)).toBe(3);
  expect(editDistance('kitten', 'sitting', 2)).toBe(2);
});
