import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { bytes, count, some } from '../format.ts';
import { searchStream, type Ended, type Progress } from '../search-stream.ts';
import { Failure, Nothing } from './basics.tsx';
import { type Found, type LogRecord, RecordRow } from './record.tsx';

const PAGE = 100;

interface Props {
  /** `q`, `since`, `until`, `time`, `order`: what is asked. A change asks anew. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly columns?: (record: LogRecord) => preact.ComponentChildren;
  readonly head?: preact.ComponentChildren;
  /** What to say where nothing is found. */
  readonly none: string;
}

/** What a search finds, as it is found, a page at a time. */
export function FoundList({ parameters, columns, head, none }: Props) {
  const found = useSignal<readonly Found[]>([]);
  const progress = useSignal<Progress | undefined>(undefined);
  const ended = useSignal<Ended | undefined>(undefined);
  const failure = useSignal<ApiError | undefined>(undefined);
  const running = useRef<AbortController | undefined>(undefined);
  // From the first look on: that nothing was found is not said before it was looked for.
  const busy = useSignal(true);

  const run = async (cursor: number | undefined): Promise<void> => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    busy.value = true;
    failure.value = undefined;
    try {
      const asked = { ...parameters, limit: String(PAGE), cursor: cursor?.toString() };
      ended.value = await searchStream(asked, abort.signal, {
        found: (more) => {
          if (!abort.signal.aborted) found.value = [...found.value, ...more];
        },
        progress: (soFar) => {
          if (!abort.signal.aborted) progress.value = soFar;
        },
      });
    } catch (error) {
      if (!abort.signal.aborted) failure.value = error instanceof ApiError ? error : new ApiError(0, '', String(error));
    } finally {
      if (running.current === abort) busy.value = false;
    }
  };

  useEffect(() => {
    found.value = [];
    progress.value = undefined;
    ended.value = undefined;
    void run(undefined);
    return () => running.current?.abort();
  }, [JSON.stringify(parameters)]);

  const next = ended.value?.cursor ?? undefined;
  return (
    <div class="found">
      <Failure error={failure.value} />
      <div class="search-state" role="status">
        {busy.value ? (
          <>
            <progress max={1} value={progress.value?.part ?? 0} aria-label="How far the search has come" />
            <span>
              {count(found.value.length)} found, {bytes(progress.value?.bytesRead ?? 0)} read
            </span>
            <button type="button" onClick={() => stop()}>
              Stop
            </button>
          </>
        ) : (
          found.value.length > 0 && (
            <span>
              {some(found.value.length, 'record')}
              {next === undefined ? ', and no more' : ' so far'}
            </span>
          )
        )}
        {(progress.value?.batchesUnreadable ?? 0) > 0 && (
          <span class="bad">{count(progress.value!.batchesUnreadable)} damaged batches could not be searched</span>
        )}
      </div>
      {head}
      <ul class="records">
        {found.value.map((one) => (
          <RecordRow key={one.seq} found={one} columns={columns} />
        ))}
      </ul>
      {!busy.value && ended.value?.ending === 'time' && (
        <p class="hint">The search took its time; go on to look further back.</p>
      )}
      {!busy.value && next !== undefined && (
        <button type="button" onClick={() => void run(next)}>
          {ended.value?.ending === 'records' ? 'More' : 'Go on'}
        </button>
      )}
      {!busy.value && found.value.length === 0 && failure.value === undefined && next === undefined && (
        <Nothing title={none} />
      )}
    </div>
  );

  function stop(): void {
    running.current?.abort();
    busy.value = false;
  }
}
