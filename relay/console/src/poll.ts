import { signal, type ReadonlySignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { ApiError } from './api.ts';

export interface Polled<Value> {
  /** The latest that was read; stays while a later reading fails. */
  readonly value: ReadonlySignal<Value | undefined>;
  readonly failure: ReadonlySignal<ApiError | undefined>;
  /** Reads at once, as after something was changed. */
  readonly refresh: () => void;
}

/** Reads again and again while the page is looked at. `key` says what is read: when it changes, the old is forgotten. */
export function usePoll<Value>(
  read: (abort: AbortSignal) => Promise<Value>,
  intervalMs: number,
  key = '',
): Polled<Value> {
  // Made anew with the key: nothing is ever drawn of the old one beside the new.
  const value = useMemo(() => signal<Value | undefined>(undefined), [key]);
  const failure = useMemo(() => signal<ApiError | undefined>(undefined), [key]);
  const latest = useRef(read);
  latest.current = read;
  const wake = useRef<() => void>(() => {});

  useEffect(() => {
    const abort = new AbortController();
    void loop();
    return () => abort.abort();

    async function loop(): Promise<void> {
      while (!abort.signal.aborted) {
        if (!document.hidden || value.peek() === undefined) {
          try {
            const next = await latest.current(abort.signal);
            if (abort.signal.aborted) return;
            value.value = next;
            failure.value = undefined;
          } catch (error) {
            if (abort.signal.aborted) return;
            failure.value = error instanceof ApiError ? error : new ApiError(0, '', String(error));
          }
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, intervalMs);
          wake.current = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
  }, [key, intervalMs]);

  return { value, failure, refresh: () => wake.current() };
}
