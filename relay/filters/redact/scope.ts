/** The datasets in which the relay holds a runner's files before it has put their lines in order. */
const RAW: Readonly<Record<string, string>> = {
  'github.runner.page': 'github.runner',
  'github.runner.worker': 'github.runner',
};

/** The dataset that a pattern must match for `dataset` to be covered, besides its own name. */
export function finishedDataset(dataset: string): string {
  return RAW[dataset] ?? dataset;
}

/**
 * Whether lines of a dataset must keep their length: the relay tells by the offset of the next line whether one is missing between.
 */
export function keepsLength(dataset: string): boolean {
  return Object.hasOwn(RAW, dataset);
}

/** A pattern in which `*` stands for any run of characters. Linear in the name, whatever the pattern. */
export function globTest(pattern: string): (name: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (name) => name === pattern;
  return (name) => {
    if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0 || found + part.length > name.length - last.length) return false;
      at = found + part.length;
    }
    return true;
  };
}
