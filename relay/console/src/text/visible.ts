/** No script puts more marks upon one letter; beyond, they would be drawn over the lines around. */
const MARKS_SHOWN = 16;
const MARKS = new RegExp(`(\\p{M}{${MARKS_SHOWN}})(\\p{M}+)`, 'gu');

/**
 * What a sender wrote may hold characters that act on whoever looks: escape sequences, marks that turn the direction of text, blanks
 * that cannot be seen: Unicode's controls, formats and separators of lines. They are shown as signs of their own: the pictures that
 * Unicode has for them (U+2400…), or their number. Tabs and ends of lines stay.
 * Of marks that are heaped upon one letter the rest is counted.
 */
export function visible(text: string): string {
  const bounded = text.replace(MARKS, (_, shown: string, rest: string) => `${shown}\u27e8+${rest.length} marks\u27e9`);
  return bounded.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === '\t' || character === '\n') return character;
    const code = character.codePointAt(0)!;
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return '\u2421';
    return `\u27e8${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
  });
}
