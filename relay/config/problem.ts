/** Something wrong with a config, where it is, and what would be right. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Keys from the top of the file; empty for the file as a whole. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The key that was meant, where the one at `path` is not known. */
  readonly meant?: string | undefined;
}

/** `config.yaml:12:5: endpoints.siem.url: is missing — write …` */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  const where = path.length === 0 ? '' : `${formatPath(path)}: `;
  return `${file}:${line}:${column}: ${where}${message}`;
}

/** `inputs.edge.listen`, `match["event.dataset"][1]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(String(key))) text += text === '' ? String(key) : `.${String(key)}`;
    else text += `[${JSON.stringify(String(key))}]`;
  }
  return text;
}

/** In the order in which they stand in the file. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
}
