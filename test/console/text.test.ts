import fc from 'fast-check';
import { expect, test } from 'vitest';
import { piecesOf } from '../../relay/console/src/text/ansi.ts';
import { cronWords } from '../../relay/console/src/text/cron.ts';
import { visible } from '../../relay/console/src/text/visible.ts';

test.each([
  ['plain ünï 漢字 🙂', 'plain ünï 漢字 🙂'],
  ['tab\tand\nline', 'tab\tand\nline'],
  ['\u001b]0;title\u0007', '␛]0;title␇'],
  ['\u001b[2J', '␛[2J'],
  ['nul\u0000del\u007f', 'nul␀del␡'],
  ['\u009b31m', '⟨009B⟩31m'],
  ['abc\u202edcba', 'abc⟨202E⟩dcba'],
  ['zero\u200bwidth', 'zero⟨200B⟩width'],
  ['\u2028', '⟨2028⟩'],
  ['\u{e0001}', '⟨E0001⟩'],
  ['\r', '␍'],
])('%j is shown as %j', (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test('whatever the text, nothing that is shown acts on whoever looks', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(visible(text).replaceAll(/[\t\n]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});

const ESC = '\u001b';

test.each([
  ['no colour', [['no colour', '']]],
  [
    `${ESC}[31mred${ESC}[0m plain`,
    [
      ['red', 'fg1'],
      [' plain', ''],
    ],
  ],
  [`${ESC}[1;92mok`, [['ok', 'fg10 bold']]],
  [
    `${ESC}[41;4mx${ESC}[49my`,
    [
      ['x', 'bg1 underline'],
      ['y', 'underline'],
    ],
  ],
  [`${ESC}[38;5;200mx`, [['x', '']]],
  [`${ESC}[38;2;1;31;3mx`, [['x', '']]],
  [`${ESC}[m${ESC}[mx`, [['x', '']]],
  [`${ESC}[2Jx`, [['␛[2Jx', '']]],
  [`${ESC}[999999999999999999999999999999999999999999mx`, [['␛[999999999999999999999999999999999999999999mx', '']]],
])('%j is drawn in colours, and obeyed in nothing else', (line, pieces) => {
  expect(piecesOf(line).map(({ text, className }) => [text, className])).toEqual(pieces);
});

test('classes are of a closed set, whatever the line', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(`${ESC}[`, ';', 'm', '38', '5', '1', '97', '107'), fc.string())),
      (parts) => {
        for (const { className } of piecesOf(parts.join('')))
          expect(className).toMatch(/^((fg([0-9]|1[0-5])|bg[0-7]|bold|italic|underline)( |$))*$/);
      },
    ),
  );
});

test('marks heaped upon one letter are counted, not drawn over the lines around; what languages need stays', () => {
  expect(visible(`e${'\u0301'.repeat(10_000)}x`)).toBe(`e${'\u0301'.repeat(16)}⟨+9984 marks⟩x`);
  expect(visible('e\u0301\u0323 नि')).toBe('e\u0301\u0323 नि');
});

test.each([
  ['0 0 3 * * *', 'each day at 03:00'],
  ['30 5 23 * * *', 'each day at 23:05:30'],
  ['0 0 3 * * 0', 'each Sunday at 03:00'],
  ['0 0 3 * * 7', 'each Sunday at 03:00'],
  ['0 30 22 * * 1-5', 'each day from Monday to Friday at 22:30'],
  ['0 0 4 1 * *', 'on day 1 of each month at 04:00'],
  ['0 15 * * * *', 'each hour at 15 min 00 s'],
  ['0 */10 * * * *', undefined],
  ['0 0 3 1 * 1', undefined],
  ['0 0 3 * 6 *', undefined],
  ['0 3 * * *', undefined],
  ['', undefined],
])('the schedule %j is read as %s', (cron, words) => {
  expect(cronWords(cron)).toBe(words);
});
