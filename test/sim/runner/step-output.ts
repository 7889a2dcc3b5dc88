import type { Chance } from './chance.ts';

const words =
  'fetch build test lint resolved cached warning module package layer digest sha256 target linking compiling ok passed in seconds node'.split(
    ' ',
  );
const odd = [
  '',
  ' ',
  '\ttab, then two blanks at the end  ',
  '.',
  'ok',
  'Größe geändert – naïve café, 日本語のログ, смешанный текст, 😀🚀',
  'was not UTF-8 before the runner read it: \ufffd\ufffd',
  '\u001b[32m✓\u001b[0m \u001b[1;31mred\u001b[0m and back, bell \u0007, NUL \u0000 inside',
  '{"level":"info","msg":"a \\"quoted\\" word","nested":{"path":"C:\\\\temp\\\\x"},"n":1e-7}',
  '2026-08-20T10:00:00.1234567Z this looks like a line of a page',
  "[2026-08-20 10:00:00Z INFO StepsRunner] Processing step: DisplayName='Not a step'",
  '[2026-08-20 10:00:00Z INFO Worker] Job message:',
  'token: ***, password=***',
  '##[warning]something is deprecated',
  '##[notice]have a look',
  '\ufeffbegins with a byte order mark',
  'line separator \u2028 and next line \u0085 inside',
  'Downloading 10%',
];

/** Lines that processes print, as the runner hands them on: never with a line end in them. Never the same mixture twice. */
export class StepOutput {
  readonly #chance: Chance;
  #count = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  line(): string {
    const chance = this.#chance;
    this.#count++;
    if (chance.oneIn(12)) return chance.pick(odd);
    if (chance.oneIn(2_000)) return `one long line: ${'0123456789abcdef'.repeat(chance.between(600, 2_600))}`;
    if (chance.oneIn(20)) return `\u001b[36m${chance.pick(words)}\u001b[0m ${this.#count}`;
    return Array.from({ length: chance.between(3, 14) }, () => chance.pick(words)).join(' ');
  }

  /** What the runner itself writes in several lines at once: only the first has a stamp. */
  severalLines(newline: string): string {
    const frames = Array.from(
      { length: this.#chance.between(1, 5) },
      (_, index) => `   at Example.Frame${index}(String name) in /src/Example.cs:line ${this.#chance.between(1, 900)}`,
    );
    const inner = this.#chance.oneIn(3) ? [''] : [];
    return ['##[error]System.InvalidOperationException: it did not work', ...inner, ...frames].join(newline);
  }
}
