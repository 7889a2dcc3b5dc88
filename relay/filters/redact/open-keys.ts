/** A key of 16,384 bits has fewer lines. */
const RECORDS_MAX = 400;
const OPEN_MS_MAX = 60_000;
const SOURCES_MAX = 1_000;
/** Lines of a key are 64 to 76 characters; the last one is what is left. */
const LINE_CHARACTERS_MIN = 40;

interface OpenKey {
  records: number;
  contentSeen: boolean;
  readonly untilMs: number;
}

/** What one record of a source says of the key that is open there. */
export interface Continuation {
  /** What of its text belongs to the key. */
  readonly content: string | undefined;
  readonly ends: boolean;
}

/** Private keys whose beginning was seen in one record, and whose lines come in the records after it, source by source. */
export class OpenKeys {
  readonly #open = new Map<string, OpenKey>();

  get size(): number {
    return this.#open.size;
  }

  open(source: string, nowMs: number): void {
    this.#open.delete(source);
    const [oldest] = this.#open.keys();
    if (this.#open.size >= SOURCES_MAX && oldest !== undefined) this.#open.delete(oldest);
    this.#open.set(source, { records: 0, contentSeen: false, untilMs: nowMs + OPEN_MS_MAX });
  }

  /** Forgets those that nothing more was heard of. */
  expire(nowMs: number): void {
    for (const [source, key] of this.#open) if (key.untilMs <= nowMs) this.#open.delete(source);
  }

  /** What the next text of a source has of the key that is open there; undefined where none is. */
  next(source: string, text: string): string | undefined {
    const key = this.#open.get(source);
    if (key === undefined) return undefined;
    const { content, ends } = continuation(text, key.contentSeen);
    key.records++;
    key.contentSeen ||= content !== undefined;
    if (ends || key.records >= RECORDS_MAX) this.#open.delete(source);
    return content;
  }
}

function continuation(text: string, contentSeen: boolean): Continuation {
  const mark = text.indexOf('-----END');
  const words = (mark < 0 ? text : text.slice(0, mark))
    .trim()
    .split(/\s+/, 4)
    .filter((word) => word !== '');
  const ends = mark >= 0;
  // What a runner writes before a line's text is its time.
  if (words.length > 0 && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(words[0]!)) words.shift();
  const [word] = words;
  if (word === undefined || /^(?:Proc-Type|DEK-Info):$/.test(word)) return { content: undefined, ends };
  const isMasked = word.startsWith('***');
  const isContent =
    isMasked ||
    (/^[A-Za-z0-9+/]+={0,2}$/.test(word) &&
      (word.length >= LINE_CHARACTERS_MIN || (contentSeen && (ends || word.length % 4 === 0))));
  if (words.length > 1 || !isContent) return { content: undefined, ends: true };
  return { content: isMasked ? undefined : word, ends };
}
