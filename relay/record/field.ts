/** The value at a path, where a member may also be written with dots in its name (`{"host.name": …}`). */
export function valueAt(record: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return record;
  if (typeof record !== 'object' || record === null) return undefined;
  const members = record as Readonly<Record<string, unknown>>;
  for (let length = 1; length <= path.length; length++) {
    const name = path.slice(0, length).join('.');
    if (!Object.hasOwn(members, name)) continue;
    const value = valueAt(members[name], path.slice(length));
    if (value !== undefined) return value;
  }
  return undefined;
}
