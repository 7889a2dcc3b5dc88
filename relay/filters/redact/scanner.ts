import type { Source } from '../../record/line-writer.ts';
import { Anchors, windowIn, windowInText } from './anchors.ts';
import { BASE64, membersOf, byteClass, runEnd, standsAt } from './byte-class.ts';
import type { Found, Matcher } from './matcher.ts';

/** What a scanner looks for on its own account, beside the rules; told by negative numbers in the place of a rule's. */
export const BASE64_FIELD = -1;
export const FILLED_MASK = -2;

/** Follows a mask where the length of what it hides had to be kept; no text that people read holds it. */
export const FILL = 0x7f;

/** One thing found in a text: the bytes to mask, and the number of the rule that says so. */
export interface Hit {
  readonly start: number;
  end: number;
  readonly rule: number;
}

export interface RuleMatcher {
  readonly rule: number;
  readonly matcher: Matcher;
  /** What looks for the same in JSON text, where that has windows of its own. */
  readonly inJson?: readonly Matcher[];
}

/** Which of what is found counts. */
export interface Wanted {
  readonly rule: (rule: number) => boolean;
  readonly range: (start: number, end: number) => boolean;
}

const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const ZERO = 0x30;
const QUOTE = 0x22;
const BASE64_NAME = Buffer.from('_base64":"');
const MASK = Buffer.from('***');
const HEX_DIGITS = membersOf(byteClass('0-9A-Fa-f'));

/** Finds secrets in bytes. Knows neither datasets nor records. */
export class Scanner {
  readonly #inText = new Anchors<RuleMatcher>();
  readonly #inJson = new Anchors<RuleMatcher>();
  readonly #found: Found = { start: 0, end: 0 };

  /** `escapes`: whether literals hold other than ASCII, so that every `\u` may be a part of one. */
  constructor(matchers: readonly RuleMatcher[], escapes: boolean) {
    for (const entry of matchers) {
      for (const window of entry.matcher.windows) this.#inText.add(window, entry);
      for (const matcher of entry.inJson ?? [entry.matcher])
        for (const window of matcher.windows) this.#inJson.add(window, { rule: entry.rule, matcher });
    }
    for (const special of [base64Field, filledMask])
      for (const window of special.matcher.windows) {
        this.#inText.add(window, special);
        this.#inJson.add(window, special);
      }
    const escape = needlessEscape(escapes);
    for (const window of escape.matcher.windows) this.#inJson.add(window, escape);
  }

  /** The next place in lines of JSON that deserves a closer look; -1 where there is none. */
  suspicion(lines: Source, from: number, end: number): number {
    for (let at = this.#inJson.next(lines, from, end); at >= 0; at = this.#inJson.next(lines, at + 1, end))
      for (const { what, offset } of this.#inJson.at(lines.bytes, at))
        if (what.matcher.plausible(lines.bytes, at - offset, end)) return at;
    return -1;
  }

  /**
   * All that `wants.rule` rules find in the first `end` bytes of a text without escapes, where `wants.range` takes it. In no certain
   * order; hits of different rules may overlap.
   */
  hits(text: Source, end: number, wants: Wanted): Hit[] {
    const hits: Hit[] = [];
    const found = this.#found;
    for (let at = this.#inText.next(text, 0, end); at >= 0; at = this.#inText.next(text, at + 1, end))
      for (const { what, offset } of this.#inText.at(text.bytes, at)) {
        const { rule, matcher } = what;
        if (rule >= 0 && !wants.rule(rule)) continue;
        if (!matcher.match(text.bytes, at - offset, 0, end, found) || !wants.range(found.start, found.end)) continue;
        const last = hits.at(-1);
        if (last?.rule === rule && last.start <= found.start && found.start < last.end)
          last.end = Math.max(last.end, found.end);
        else hits.push({ start: found.start, end: found.end, rule });
      }
    return hits;
  }
}

/** The value of a field that holds raw bytes, such as `spillway.original_base64`. */
const base64Field: RuleMatcher = {
  rule: BASE64_FIELD,
  matcher: {
    windows: [windowInText(BASE64_NAME)],
    match(bytes, at, _from, end, found) {
      if (!standsAt(bytes, at, end, BASE64_NAME)) return false;
      found.start = at + BASE64_NAME.length;
      found.end = runEnd(bytes, found.start, end, BASE64);
      return found.end > found.start && found.end < end && bytes[found.end] === QUOTE;
    },
    plausible: (bytes, at, end) => standsAt(bytes, at, end, BASE64_NAME),
  },
};

/** A mask that an earlier pass had to keep at the length of what it hides. */
const filledMask: RuleMatcher = {
  rule: FILLED_MASK,
  matcher: {
    windows: [windowInText(Buffer.of(...MASK, FILL))],
    match(bytes, at, _from, end, found) {
      let last = at + MASK.length;
      while (last < end && bytes[last] === FILL) last++;
      found.start = at;
      found.end = last;
      return true;
    },
    plausible: () => true,
  },
};

/** An escape that no JSON needs, such as `\u0041`: it may hide the beginning of something. */
function needlessEscape(all: boolean): RuleMatcher {
  return {
    rule: BASE64_FIELD,
    matcher: {
      windows: [windowIn([[BACKSLASH], [LETTER_U], all ? HEX_DIGITS : [ZERO]])],
      match: () => false,
      plausible: (bytes, at, end) =>
        at + 4 < end && !(bytes[at + 2] === ZERO && bytes[at + 3] === ZERO && bytes[at + 4]! <= ZERO + 1),
    },
  };
}
