import type { BatchHeader } from '../journal/catalog.ts';
import { sequenceOf } from '../record/event-id.ts';
import { fold } from './fold.ts';
import { evaluator } from './evaluate.ts';
import { patternRuns, wholeString } from './needs.ts';
import { mayHold, sketchQuestion, type SketchQuestion } from './sketch.ts';
import type { FieldNode, QueryNode, RangeNode } from './syntax.ts';

/** What can be said of all records of a batch without unpacking it: none is meant, all are, or one has to look. */
export type Verdict = 'none' | 'some' | 'all';

export type BatchJudge = (header: BatchHeader, sketch: Uint8Array | undefined) => Verdict;

/** Times in headers are of whole milliseconds; what a record says may be finer. */
export const HEADER_SLACK_MS = 1;

/** Makes of a query what judges batches. */
export function batchJudge(node: QueryNode): BatchJudge {
  switch (node.kind) {
    case 'everything':
      return () => 'all';
    case 'and': {
      const judges = node.parts.map(batchJudge);
      return (header, sketch) => worst(judges, header, sketch, 'none', 'all');
    }
    case 'or': {
      const judges = node.parts.map(batchJudge);
      return (header, sketch) => worst(judges, header, sketch, 'all', 'none');
    }
    case 'not': {
      const judge = batchJudge(node.part);
      return (header, sketch) => OPPOSITE[judge(header, sketch)];
    }
    case 'text':
      return bySketch(patternRuns(node.pattern));
    case 'field':
      return fieldJudge(node);
    case 'range':
      return rangeJudge(node);
  }
}

const OPPOSITE: Readonly<Record<Verdict, Verdict>> = { none: 'all', some: 'some', all: 'none' };

/** `decisive` as soon as one says so; `unanimous` where all do; else there is something to look at. */
function worst(
  judges: readonly BatchJudge[],
  header: BatchHeader,
  sketch: Uint8Array | undefined,
  decisive: Verdict,
  unanimous: Verdict,
): Verdict {
  let result = unanimous;
  for (const judge of judges) {
    const verdict = judge(header, sketch);
    if (verdict === decisive) return decisive;
    if (verdict === 'some') result = 'some';
  }
  return result;
}

function bySketch(runs: readonly string[]): BatchJudge {
  const questions = runs.map(sketchQuestion).filter((question) => question.length > 0);
  return (_header, sketch) => (sketch !== undefined && !holdsAll(sketch, questions) ? 'none' : 'some');
}

function holdsAll(sketch: Uint8Array, questions: readonly SketchQuestion[]): boolean {
  return questions.every((question) => mayHold(sketch, question));
}

function fieldJudge(node: FieldNode): BatchJudge {
  const { fields, pattern } = node;
  if (fields.length === 1 && fields[0] === 'event.dataset') return datasetJudge(node);
  if (fields.length === 1 && fields[0] === 'event.id' && pattern.parts.length === 1) {
    const seq = sequenceOf(fold(pattern.parts[0]!));
    return ({ firstSeq, records }) =>
      seq !== undefined && (seq < firstSeq || seq >= firstSeq + records) ? 'none' : 'some';
  }
  // Sketches leave out the start of a line, where these stand.
  if (fields.some((field) => /^event(?:\.id|\.created)?$/.test(field))) return () => 'some';
  const whole = wholeString(fields, pattern);
  return bySketch(whole === undefined ? patternRuns(pattern) : [whole]);
}

/** A batch says how many records it has of each dataset. */
function datasetJudge(node: FieldNode): BatchJudge {
  const test = evaluator(node);
  return ({ datasets }) => {
    const names = Object.keys(datasets);
    if (names.length === 0) return 'some';
    const meant = names.filter((name) => test({ event: { dataset: name } }));
    if (meant.length === 0) return 'none';
    return meant.length === names.length ? 'all' : 'some';
  };
}

/** A batch says between which times its records lie. */
function rangeJudge({ fields, of, from, to }: RangeNode): BatchJudge {
  const field = fields.length === 1 ? fields[0] : undefined;
  if (of !== 'time' || (field !== '@timestamp' && field !== 'event.created')) return () => 'some';
  return (header) => {
    const received = field === 'event.created';
    const first = received ? header.receivedFirstMs : header.eventFirstMs;
    const last = received ? header.receivedLastMs : header.eventLastMs;
    const tooOld = from !== undefined && last + HEADER_SLACK_MS < from.value;
    const tooNew = to !== undefined && first - HEADER_SLACK_MS > to.value;
    return tooOld || tooNew ? 'none' : 'some';
  };
}
