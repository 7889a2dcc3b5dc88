import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable, table } from '../../relay/cli/terminal.ts';

test.each([
  { attack: 'a title of the window', text: '\u001b]0;owned\u0007', shown: '\\x1b]0;owned\\x07' },
  { attack: 'clearing the screen', text: '\u001b[2J', shown: '\\x1b[2J' },
  { attack: 'the clipboard', text: '\u001b]52;c;cm0=\u001b\\', shown: '\\x1b]52;c;cm0=\\x1b\\' },
  { attack: 'an 8-bit escape', text: '\u009b2J', shown: '\\x9b2J' },
  { attack: 'text turned round', text: 'a\u202eb\u2066c', shown: 'a\\u{202e}b\\u{2066}c' },
  { attack: 'a mark without width', text: '\u200f\ufeff\u{e0041}', shown: '\\u{200f}\\u{feff}\\u{e0041}' },
  { attack: 'a second line', text: 'a\nb\rc\u2028d', shown: 'a\\x0ab\\x0dc\\u{2028}d' },
  { attack: 'half a character', text: '\ud800', shown: '\\u{d800}' },
])('$attack is shown, not obeyed', ({ text, shown }) => {
  expect(printable(text)).toBe(shown);
});

test('ordinary text of any language stays as it is', () => {
  const text = 'Grüße, 你好, שלום, 🚒, tab\there, \\x1b';

  expect(printable(text)).toBe(text);
});

test('newlines stay only where they are asked for', () => {
  expect(printable('a\nb\r\n', true)).toBe('a\nb\\x0d\n');
});

test('no text brings a control character through', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => !/[^\t\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/u.test(printable(text))),
  );
});

test('columns are as wide as their widest cell, and no line ends in blanks', () => {
  expect(
    table([
      ['a', 'bcd', 'e'],
      ['fgh', 'i', ''],
    ]),
  ).toBe('a    bcd  e\nfgh  i\n');
});
