import { expect, test } from 'vitest';
import { csvRow, fieldTexts } from '../../relay/query/csv.ts';
import { parseRecord } from '../../relay/query/record-text.ts';

test.each([
  [['a', 'b c'], 'a,b c\r\n'],
  [['say "hi", all', 'two\nlines'], '"say ""hi"", all","two\nlines"\r\n'],
  [['', ' padded '], '," padded "\r\n'],
  [['-5', '1.50', '-1e5'], '-5,1.50,"\'-1e5"\r\n'],
])('the row %j is written as RFC 4180 says', (cells, row) => {
  expect(csvRow(cells)).toBe(row);
});

test.each(['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1', ' =cmd|" /C calc"!A0', '|calc', '%x', '-2+3'])(
  'no spreadsheet takes %j for a formula',
  (text) => {
    expect(csvRow([text])).toMatch(/^"?'/);
  },
);

test('fields are shown as they were written, lists and objects as JSON', () => {
  const record = parseRecord('{"a":{"b":1.50,"c":["x","y"],"d":{"e":[1e3]}},"a.b":true}')!;
  expect(fieldTexts(record, ['a.b', 'a.c', 'a.d', 'nothing'])).toEqual(['true, 1.50', 'x, y', '{"e":["1e3"]}', '']);
});
