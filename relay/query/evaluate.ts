import { partsTest } from '../record/glob.ts';
import { isFreeText, someLeaf, someValueAt } from './fields.ts';
import { fold } from './fold.ts';
import { numberOf, type ParsedRecord, textOf } from './record-text.ts';
import type { Pattern, QueryNode, RangeNode } from './syntax.ts';
import { parseIsoTime } from './time-text.ts';

export type RecordTest = (record: ParsedRecord) => boolean;
type ValueTest = (value: unknown) => boolean;

/** Makes of a query what says whether a record is meant. */
export function evaluator(node: QueryNode): RecordTest {
  switch (node.kind) {
    case 'everything':
      return () => true;
    case 'and': {
      const tests = node.parts.map(evaluator);
      return (record) => tests.every((test) => test(record));
    }
    case 'or': {
      const tests = node.parts.map(evaluator);
      return (record) => tests.some((test) => test(record));
    }
    case 'not': {
      const test = evaluator(node.part);
      return (record) => !test(record);
    }
    case 'text': {
      const test = onText(holds(node.pattern));
      return (record) => someLeaf(record, test);
    }
    case 'field':
      return fieldTest(node.fields, node.pattern);
    case 'range': {
      const test = rangeTest(node);
      return (record) => node.fields.some((field) => someValueAt(record, field, test));
    }
  }
}

function fieldTest(fields: readonly string[], pattern: Pattern): RecordTest {
  const anything = pattern.parts.length > 1 && pattern.parts.every((part) => part === '');
  const whole = anything ? () => true : onText(partsTest(pattern.parts.map(fold)));
  const inside = anything ? () => true : onText(holds(pattern));
  const tests = fields.map((field) => ({ field, test: isFreeText(field) ? inside : whole }));
  return (record) => tests.some(({ field, test }) => someValueAt(record, field, test));
}

function onText(test: (folded: string) => boolean): ValueTest {
  return (value) => {
    const text = textOf(value);
    return text !== undefined && test(fold(text));
  };
}

/** The parts stand somewhere in the text, one after the other. */
function holds({ parts }: Pattern): (folded: string) => boolean {
  const wanted = parts.map(fold);
  return (text) => {
    let at = 0;
    for (const part of wanted) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return true;
  };
}

function rangeTest({ of, from, to }: RangeNode): ValueTest {
  return (value) => {
    const amount = of === 'number' ? numberOf(value) : typeof value === 'string' ? parseIsoTime(value) : undefined;
    if (amount === undefined) return false;
    if (from !== undefined && (from.inclusive ? amount < from.value : amount <= from.value)) return false;
    return to === undefined || (to.inclusive ? amount <= to.value : amount < to.value);
  };
}
