import { printable } from '../terminal.ts';

/** What the runner writes before text that means something to it; see `Runner.Worker` and GitHub's workflow commands. */
const MARKER = /^##\[(section|command|error|warning|notice|debug|group|endgroup)\](.*)$/s;

/** SGR parameters (ECMA-48 §8.3.117) by marker. */
const COLOURS: Readonly<Record<string, string>> = {
  section: '32',
  command: '34',
  error: '31',
  warning: '33',
  notice: '36',
  debug: '35',
  group: '1',
};

/** What is shown of a group that is folded, besides its title. */
const SHOWN_IN_GROUP = new Set(['error', 'warning']);

export interface FoldOptions {
  readonly colours: boolean;
  /** True to show what is inside of groups, too. */
  readonly unfold: boolean;
}

/** Turns the lines of a job into what a person reads on a terminal: groups folded, markers coloured, control characters shown. */
export class FoldedText {
  readonly #options: FoldOptions;
  /** The title of the group that is open, and what was left out of it. */
  #group: { readonly title: string; lines: number; readonly shown: string[] } | undefined;

  constructor(options: FoldOptions) {
    this.#options = options;
  }

  /** The text to print for a line, without its time; empty where there is nothing yet. */
  line(text: string): string {
    const [, marker, rest = ''] = MARKER.exec(text) ?? [];
    if (marker === 'group') {
      const before = this.end();
      if (this.#options.unfold) return `${before}${this.#coloured('group', `▾ ${printable(rest)}`)}\n`;
      this.#group = { title: printable(rest), lines: 0, shown: [] };
      return before;
    }
    if (marker === 'endgroup') return this.end();
    const shown =
      marker === undefined
        ? printable(text)
        : this.#coloured(marker, printable(marker === 'command' ? `$ ${rest}` : labelled(marker, rest)));
    const group = this.#group;
    if (group === undefined) return `${shown}\n`;
    group.lines++;
    if (marker !== undefined && SHOWN_IN_GROUP.has(marker) && group.shown.length < 100)
      group.shown.push(`    ${shown}\n`);
    return '';
  }

  /** What is left to print: the group that is open. */
  end(): string {
    const group = this.#group;
    if (group === undefined) return '';
    this.#group = undefined;
    const lines = group.lines === 1 ? '1 line' : `${group.lines} lines`;
    return `${this.#coloured('group', `▸ ${group.title}`)} (${lines})\n${group.shown.join('')}`;
  }

  #coloured(marker: string, text: string): string {
    return this.#options.colours ? `\x1b[${COLOURS[marker] ?? '0'}m${text}\x1b[0m` : text;
  }
}

function labelled(marker: string, text: string): string {
  return marker === 'section' ? text : `${marker}: ${text}`;
}
