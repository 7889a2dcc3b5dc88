import { someValueAt } from './fields.ts';
import { NumberAsWritten, type ParsedRecord, textOf } from './record-text.ts';

/** What a table of records shows where nobody says otherwise. */
export const DEFAULT_COLUMNS = [
  '@timestamp',
  'event.dataset',
  'host.name',
  'user.name',
  'event.action',
  'message',
] as const;

/** The values of some fields, as text; lists and objects as JSON. */
export function fieldTexts(record: ParsedRecord, fields: readonly string[]): string[] {
  return fields.map((field) => {
    const texts: string[] = [];
    someValueAt(record, field, (value) => {
      texts.push(textOf(value) ?? JSON.stringify(value, asWritten));
      return false;
    });
    return texts.join(', ');
  });
}

function asWritten(_key: string, value: unknown): unknown {
  return value instanceof NumberAsWritten ? value.text : value;
}

/**
 * One row by RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe in front, so that no record can have one run
 * (OWASP, "CSV injection"); numbers stay what they are.
 */
export function csvRow(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(text: string): string {
  const isNumber = /^-?\d+(?:\.\d+)?$/.test(text);
  const safe = !isNumber && /^\s*[=+\-@|%\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}
