const integers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clockTime = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium' });

/** 1234567 → `1,234,567`. */
export function count(value: number): string {
  return integers.format(value);
}

/** 1234567 → `1.23 M`: for what changes as one looks. */
export function short(value: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const)
    if (Math.abs(value) >= size) return `${significant(value / (unit === 'k' ? 1e3 : size))} ${unit}`;
  return Math.abs(value) >= 100 || Number.isInteger(value) ? count(value) : significant(value);
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let scaled = value;
  while (Math.abs(scaled) >= 1_024 && at < units.length - 1) {
    scaled /= 1_024;
    at++;
  }
  return `${at === 0 ? count(scaled) : significant(scaled)} ${units[at]}`;
}

/** 93784000 → `1 d 2 h`: the two largest units that say something. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms / 1_000);
  if (seconds < 1) return `${Math.round(ms)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

/** In the reader's own zone: `2026-11-22 08:14:59`. */
export function time(at: number | string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : clockTime.format(date);
}

export function ago(at: number | string, nowMs = Date.now()): string {
  return `${duration(nowMs - new Date(at).getTime())} ago`;
}

/** `1 record`, `2 records`. */
export function some(amount: number, noun: string): string {
  return `${count(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

function significant(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
