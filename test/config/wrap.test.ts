import { expect, test } from 'vitest';
import { wrap } from '../../relay/config/wrap.ts';

test('a paragraph is broken at blanks', () => {
  expect(wrap('one two three-and-more four', 9)).toBe('one two\nthree-and-more\nfour');
  expect(wrap('one two', 5, '# ')).toBe('# one\n# two');
});
