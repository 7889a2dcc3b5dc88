/**
 * Makes text from outside safe to print: control characters (C0 but for tab, DEL, C1), line and paragraph separators, and every
 * invisible formatting character (the bidirectional marks among them) are shown, not obeyed. Keeps LF only where
 * `keepNewlines` says so: else a record could forge a second line.
 */
export function printable(text: string, keepNewlines = false): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    if (character === '\t' || (keepNewlines && character === '\n')) return character;
    const code = character.codePointAt(0)!;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return `\\u{${code.toString(16)}}`;
  });
}

/** Columns of text, as wide as their widest cell; the last is not padded. No line ends in blanks. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
