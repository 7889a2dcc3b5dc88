/** A record as it was stored, parsed. */
export type ParsedRecord = Readonly<Record<string, unknown>>;

/** A number that would not be printed as the sender wrote it: `1.0`, `1e3`, or one of more digits than a double holds. */
export class NumberAsWritten {
  readonly text: string;
  readonly value: number;

  constructor(text: string, value: number) {
    this.text = text;
    this.value = value;
  }
}

/** Whether a line may hold such a number. */
const unusualNumber = /[:[,] *-?(?:\d+[.eE]|\d{16}|0[^.\d])/;

/** Parses a stored line. Undefined where it is no JSON object: that is then nothing that a query could ask about. */
export function parseRecord(line: string): ParsedRecord | undefined {
  try {
    const value: unknown = unusualNumber.test(line) ? parseKeepingNumbers(line) : JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as ParsedRecord) : undefined;
  } catch {
    return undefined;
  }
}

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

function parseKeepingNumbers(line: string): unknown {
  const keep: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value)
      ? new NumberAsWritten(source, value)
      : value;
  return JSON.parse(line, keep as (this: unknown, key: string, value: unknown) => unknown);
}

/** A value as text; undefined for what has none (an object, a list, null). */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value instanceof NumberAsWritten ? value.text : undefined;
}

/** A value as a number; undefined for what is none. Digits in a text count as one. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (value instanceof NumberAsWritten) return value.value;
  return typeof value === 'string' && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined;
}
