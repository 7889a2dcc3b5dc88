/** Compares text with a pattern in which `*` stands for anything. */
export function globTest(pattern: string): (text: string) => boolean {
  return partsTest(pattern.split('*'));
}

/**
 * Whether text is these parts in their order, with anything between them, and nothing before the first nor after the last. No regular
 * expression: linear in the text, whatever the parts.
 */
export function partsTest(parts: readonly string[]): (text: string) => boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > text.length - last.length) return false;
      at = found + part.length;
    }
    return true;
  };
}
