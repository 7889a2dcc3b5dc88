/**
 * Case does not matter in a search. Two texts are the same if they are so character by character in upper case; a character beyond
 * ASCII never counts as one of ASCII (as ECMAScript's regular expressions with the flag `i` have it), so that what is searched for can
 * be found in the stored bytes.
 */
export function fold(text: string): string {
  return isAscii(text) ? text.toLowerCase() : Array.from(text, foldCharacter).join('');
}

function isAscii(text: string): boolean {
  return !/[\u0080-\uffff]/.test(text);
}

function foldCharacter(character: string): string {
  if (character < '\u0080') return character.toLowerCase();
  const upper = character.toUpperCase();
  return upper.length === 1 && character.length === 1 && upper >= '\u0080' ? upper : character;
}

/**
 * The parts of a text that stand in a stored line as they are, but for case in ASCII: without what JSON escapes, and without letters
 * whose other case is written in other bytes. All of them are in every line that holds the text.
 */
export function plainRuns(text: string): string[] {
  return fold(text)
    .split(notPlain)
    .filter((run) => run !== '');
}

const notPlain = /[^ !#-[\]-~\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+/u;
