/** What a line of an Actions log is, by its marker (`##[error]…`). */
export type LineKind = 'plain' | 'section' | 'command' | 'error' | 'warning' | 'notice' | 'debug';

const MARKER = /^##\[(section|command|error|warning|notice|debug)\]/;

/** The kind of a line, and its text without the marker. */
export function kindOf(line: string): { readonly kind: LineKind; readonly text: string } {
  const marker = MARKER.exec(line);
  if (marker === null) return { kind: 'plain', text: line };
  return { kind: (marker[1] ?? 'plain') as LineKind, text: line.slice(marker[0].length) };
}

interface Textual {
  readonly text: string;
}

export interface Folded<Line extends Textual> {
  readonly title: Line;
  readonly name: string;
  readonly lines: readonly Line[];
}

/** Puts the lines between `##[group]` and `##[endgroup]` together. Groups do not nest: a new one ends the one before. */
export function foldGroups<Line extends Textual>(lines: readonly Line[]): (Line | Folded<Line>)[] {
  const parts: (Line | Folded<Line>)[] = [];
  let group: { title: Line; name: string; lines: Line[] } | undefined;
  for (const line of lines) {
    if (line.text.startsWith('##[group]')) {
      group = { title: line, name: line.text.slice('##[group]'.length), lines: [] };
      parts.push(group);
    } else if (line.text.startsWith('##[endgroup]')) {
      group = undefined;
    } else if (group === undefined) {
      parts.push(line);
    } else {
      group.lines.push(line);
    }
  }
  return parts;
}
