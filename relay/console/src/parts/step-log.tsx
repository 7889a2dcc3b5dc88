import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, ask } from '../api.ts';
import { linkTo, place } from '../router.ts';
import type { LogLine, LogPage } from '../runs-api.ts';
import { piecesOf } from '../text/ansi.ts';
import { type Folded, foldGroups, kindOf } from '../text/groups.ts';
import { Failure, Loading } from './basics.tsx';

const PAGE = 1_000;
/** Lines shown before one that somebody pointed at. */
const BEFORE = 100;

interface Props {
  readonly path: string;
  /** Only lines of this step. */
  readonly step: number | undefined;
  /** How many there are. */
  readonly total: number;
  /** Only lines that have none. */
  readonly withoutStep: boolean;
  readonly showTimes: boolean;
  /** Lines without this text are left out. */
  readonly find: string;
  /** The line that somebody pointed at. */
  readonly marked: number | undefined;
}

/** The lines of a step, a page at a time, with groups folded and colours shown. */
export function StepLog({ path, step, total, withoutStep, showTimes, find, marked }: Props) {
  const lines = useSignal<readonly LogLine[]>([]);
  const next = useSignal<number | undefined>(undefined);
  const previous = useSignal<number | undefined>(undefined);
  const failure = useSignal<ApiError | undefined>(undefined);
  const busy = useSignal(true);
  const ofStep = async (where: Readonly<Record<string, string>>): Promise<LogPage> => {
    const query = new URLSearchParams({ limit: String(PAGE), ...where });
    if (step !== undefined) query.set('step', String(step));
    const page = await ask<LogPage>(`${path}?${query.toString()}`);
    return { ...page, lines: page.lines.filter((line) => !withoutStep || line.step === undefined) };
  };
  const readOn = async (fromSeq: number | undefined): Promise<void> => {
    const page = await ofStep(fromSeq === undefined ? {} : { from_seq: String(fromSeq) });
    lines.value = [...lines.value, ...page.lines];
    next.value = page.next_seq;
  };
  const readBefore = async (beforeSeq: number, limit = PAGE): Promise<void> => {
    const page = await ofStep({ before_seq: String(beforeSeq), limit: String(limit) });
    lines.value = [...page.lines, ...lines.value];
    previous.value = page.previous_seq;
  };
  const attempt = async (...readings: readonly (() => Promise<void>)[]): Promise<void> => {
    busy.value = true;
    try {
      for (const reading of readings) await reading();
    } catch (error) {
      failure.value = error instanceof ApiError ? error : new ApiError(0, '', String(error));
    } finally {
      busy.value = false;
    }
  };
  useEffect(() => {
    if (marked === undefined) void attempt(() => readOn(undefined));
    else
      void attempt(
        () => readBefore(marked, BEFORE),
        () => readOn(marked),
      );
  }, [path, step]);
  const isMarkedThere = lines.value.some(({ seq }) => seq === marked);
  useEffect(() => {
    if (marked !== undefined) document.getElementById(`line-${marked}`)?.scrollIntoView({ block: 'center' });
  }, [marked, isMarkedThere]);

  const wanted = find.toLowerCase();
  // Where what came before is not loaded, nobody knows how many lines that are.
  const isFromStart = previous.value === undefined && lines.value.length > 0;
  const numbers = new Map(isFromStart ? lines.value.map(({ seq }, at) => [seq, at + 1]) : []);
  const shown = wanted === '' ? lines.value : lines.value.filter(({ text }) => text.toLowerCase().includes(wanted));
  return (
    <div class="log">
      <Failure error={failure.value} />
      {!busy.value && previous.value !== undefined && (
        <button type="button" onClick={() => void attempt(() => readBefore(previous.value ?? 0))}>
          Earlier lines
        </button>
      )}
      <ol>
        {foldGroups(shown).map((part) => (
          <Part
            key={'lines' in part ? `group ${part.title.seq}` : part.seq}
            part={part}
            numbers={numbers}
            showTimes={showTimes}
            marked={marked}
            isOpen={find !== ''}
          />
        ))}
      </ol>
      {busy.value && <Loading />}
      {!busy.value && next.value !== undefined && lines.value.length < total && (
        <button type="button" onClick={() => void attempt(() => readOn(next.value))}>
          More lines
        </button>
      )}
    </div>
  );
}

function Part({
  part,
  numbers,
  showTimes,
  marked,
  isOpen,
}: {
  part: Folded<LogLine> | LogLine;
  numbers: ReadonlyMap<number, number>;
  showTimes: boolean;
  marked: number | undefined;
  isOpen: boolean;
}) {
  const draw = (line: LogLine) => (
    <Line
      key={line.seq}
      line={line}
      number={numbers.get(line.seq)}
      showTimes={showTimes}
      isMarked={line.seq === marked}
    />
  );
  if (!('lines' in part)) return draw(part);
  return (
    <li class="group">
      <details open={isOpen || part.lines.some(({ seq }) => seq === marked)}>
        <summary>{piecesOf(part.name).map(({ text }) => text)}</summary>
        <ol>{part.lines.map(draw)}</ol>
      </details>
    </li>
  );
}

function Line({
  line,
  number,
  showTimes,
  isMarked,
}: {
  line: LogLine;
  number: number | undefined;
  showTimes: boolean;
  isMarked: boolean;
}) {
  const { kind, text } = kindOf(line.text);
  const { path, query } = place.value;
  const here = linkTo(path, { ...Object.fromEntries(query), step: line.step?.toString(), seq: String(line.seq) });
  return (
    <li id={`line-${line.seq}`} class={`line ${kind} ${isMarked ? 'marked' : ''}`}>
      <a class="link" href={here} aria-label={`Link to line ${number ?? ''}`.trim()} tabIndex={-1}>
        {number ?? '#'}
      </a>
      {showTimes && <time>{line.time?.slice(0, 23) ?? ''} </time>}
      <span class="line-text">
        {piecesOf(text).map((piece, at) => (
          <span key={at} class={piece.className === '' ? undefined : piece.className}>
            {piece.text}
          </span>
        ))}
      </span>
      {line.filled === true && <span class="dim"> (from the step’s own page)</span>}
    </li>
  );
}
