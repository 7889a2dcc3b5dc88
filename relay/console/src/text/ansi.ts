import { visible } from './visible.ts';

/** A run of characters that look alike. `className` holds names of the style sheet, never anything from the text. */
export interface Piece {
  readonly text: string;
  readonly className: string;
}

const ESCAPE = '\u001b';
const SEQUENCE = new RegExp(`${ESCAPE}\\[([0-9;]{0,40})m`, 'g');

/**
 * Splits a line at its colour sequences (ECMA-48 SGR) into pieces with classes. Only the sixteen colours, bold, italic and underline
 * are known; of others the sequence is left out. What is no colour sequence is shown, not obeyed.
 */
export function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let style: Style = {};
  let from = 0;
  for (const match of line.matchAll(SEQUENCE)) {
    push(line.slice(from, match.index));
    style = styleAfter(style, match[1] ?? '');
    from = match.index + match[0].length;
  }
  push(line.slice(from));
  return pieces;

  function push(text: string): void {
    if (text !== '') pieces.push({ text: visible(text), className: classOf(style) });
  }
}

interface Style {
  readonly colour?: number | undefined;
  readonly background?: number | undefined;
  readonly bold?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
}

function styleAfter(before: Style, parameters: string): Style {
  const codes = parameters === '' ? [0] : parameters.split(';').map(Number);
  let style = before;
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at]!;
    if (code === 0) style = {};
    else if (code === 1) style = { ...style, bold: true };
    else if (code === 3) style = { ...style, italic: true };
    else if (code === 4) style = { ...style, underline: true };
    else if (code === 22) style = { ...style, bold: false };
    else if (code >= 30 && code <= 37) style = { ...style, colour: code - 30 };
    else if (code >= 90 && code <= 97) style = { ...style, colour: code - 82 };
    else if (code >= 40 && code <= 47) style = { ...style, background: code - 40 };
    else if (code === 39) style = { ...style, colour: undefined };
    else if (code === 49) style = { ...style, background: undefined };
    // 38 and 48 bring their colour along in the codes that follow: one after 5, three after 2.
    else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : codes[at + 1] === 2 ? 4 : 0;
  }
  return style;
}

function classOf({ colour, background, bold, italic, underline }: Style): string {
  const classes: string[] = [];
  if (colour !== undefined) classes.push(`fg${colour}`);
  if (background !== undefined) classes.push(`bg${background}`);
  if (bold === true) classes.push('bold');
  if (italic === true) classes.push('italic');
  if (underline === true) classes.push('underline');
  return classes.join(' ');
}
