import { z } from 'zod';

const units: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
};

/** Reads a size such as `20GiB`, `512 KiB` or `1.5GB`, in bytes; a string says what is wrong with it. */
export function parseSize(text: string): number | string {
  const [, digits = '', unit = 'B'] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([A-Za-z]+)?$/.exec(text.trim()) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (digits === '' || factor === undefined) return `${JSON.stringify(text)} is not a size; write it like "20GiB"`;
  const bytes = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(bytes) ? bytes : `${JSON.stringify(text)} is too large`;
}

/** A number of bytes, written as a number or with a unit. `fallback` is written the way an operator would. */
export function sizeOption(limits: {
  readonly bytesMin: number;
  readonly bytesMax?: number;
  readonly fallback: string;
}) {
  const { bytesMin, bytesMax = Number.MAX_SAFE_INTEGER, fallback } = limits;
  return z
    .union([z.int().nonnegative(), z.string()])
    .transform((size, context) => {
      const bytes = typeof size === 'string' ? parseSize(size) : size;
      const problem =
        typeof bytes === 'string'
          ? bytes
          : bytes < bytesMin
            ? `${size} is too small; write at least ${formatSize(bytesMin)}`
            : bytes > bytesMax
              ? `${size} is too large; write at most ${formatSize(bytesMax)}`
              : undefined;
      if (problem === undefined) return Number(bytes);
      context.addIssue({ code: 'custom', message: problem });
      return z.NEVER;
    })
    .meta({ expects: 'a size such as "20GiB", or a number of bytes', examples: [fallback] })
    .prefault(fallback);
}

/** Bytes with the largest unit that gives a whole number. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const factor = units[unit]!;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes} bytes`;
}
