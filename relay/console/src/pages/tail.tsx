import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { count } from '../format.ts';
import { Badge, Failure, Nothing, Panel } from '../parts/basics.tsx';
import { ApiError, ask, session, type Session } from '../api.ts';
import { type Found, RecordRow } from '../parts/record.tsx';
import { go, linkTo, place } from '../router.ts';

/** Lines kept on the page; older ones go. */
const SHOWN_MAX = 1_000;
const RETRY_MS = 2_000;

interface Frame {
  readonly type: 'following' | 'records' | 'error';
  readonly missed?: number;
  readonly skipped?: number;
  readonly records?: readonly Found[];
  readonly message?: string;
}

/** A browser does not tell why a WebSocket was refused. */
function askWhetherSignedIn(): void {
  ask<{ session: Session | null }>('session').then(
    (answer) => {
      if (answer.session === null) session.value = null;
    },
    () => undefined,
  );
}

export function Tail() {
  const q = place.value.query.get('q') ?? '';
  const typed = useSignal(q);
  const shown = useSignal<readonly Found[]>([]);
  const missed = useSignal(0);
  const state = useSignal<'connecting' | 'following' | 'paused'>('connecting');
  const failure = useSignal<ApiError | undefined>(undefined);
  const socket = useRef<WebSocket | undefined>(undefined);
  const end = useRef<HTMLDivElement>(null);
  /** Where the reader has scrolled up, the page stays there. */
  const sticks = useRef(true);

  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    connect();
    return () => {
      over = true;
      clearTimeout(timer);
      socket.current?.close();
    };

    function connect(): void {
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      const made = new WebSocket(`${scheme}://${location.host}/api/v1/tail?q=${encodeURIComponent(q)}`);
      socket.current = made;
      made.addEventListener('message', (event) => take(JSON.parse(String(event.data)) as Frame));
      made.addEventListener('close', () => {
        if (over) return;
        state.value = 'connecting';
        askWhetherSignedIn();
        timer = setTimeout(connect, RETRY_MS);
      });
    }

    function take(frame: Frame): void {
      if (frame.type === 'error')
        failure.value = new ApiError(400, '', frame.message ?? 'the query was not understood');
      if (frame.type === 'following') {
        failure.value = undefined;
        state.value = 'following';
      }
      missed.value += (frame.missed ?? 0) + (frame.skipped ?? 0);
      const { records = [] } = frame;
      if (records.length > 0) shown.value = [...shown.value, ...records].slice(-SHOWN_MAX);
    }
  }, [q]);

  useEffect(() => {
    if (sticks.current) end.current?.scrollIntoView({ block: 'end' });
  }, [shown.value]);

  useEffect(() => {
    const onScroll = (): void => {
      sticks.current = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 80;
    };
    addEventListener('scroll', onScroll, { passive: true });
    return () => removeEventListener('scroll', onScroll);
  }, []);

  const toggle = (): void => {
    const paused = state.value === 'paused';
    socket.current?.send(JSON.stringify({ type: paused ? 'resume' : 'pause' }));
    state.value = paused ? 'following' : 'paused';
  };
  return (
    <>
      <h1>Live tail</h1>
      <form
        class="query"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          shown.value = [];
          missed.value = 0;
          go(linkTo(['tail'], { q: typed.value }));
        }}
      >
        <input
          type="search"
          aria-label="Which records to follow"
          placeholder="all records; or words, field:value, -not"
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
          spellcheck={false}
          autocomplete="off"
        />
        <button type="submit" class="primary">
          Follow
        </button>
        <button type="button" disabled={state.value === 'connecting'} onClick={toggle}>
          {state.value === 'paused' ? 'Go on' : 'Pause'}
        </button>
      </form>
      <Failure error={failure.value} />
      <Panel
        title={
          <Badge tone={state.value === 'following' ? 'good' : state.value === 'paused' ? 'quiet' : 'warn'}>
            {state.value}
          </Badge>
        }
        actions={
          <span role="status">
            {missed.value > 0 && `${count(missed.value)} passed that are not shown`}{' '}
            <button type="button" onClick={() => (shown.value = [])}>
              Clear
            </button>
          </span>
        }
      >
        {shown.value.length === 0 && (
          <Nothing title={state.value === 'following' ? 'Waiting for records…' : 'Nothing yet.'} />
        )}
        <ul class="records">
          {shown.value.map((one) => (
            <RecordRow key={one.seq} found={one} />
          ))}
        </ul>
        <div ref={end} />
      </Panel>
    </>
  );
}
