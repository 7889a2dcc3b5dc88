import { ask, mayI } from '../api.ts';
import { count, time } from '../format.ts';
import { usePoll } from '../poll.ts';
import { Badge, Failure, Panel, Text } from './basics.tsx';
import type { Tone } from './tone.ts';
import { textsOf } from './form.ts';
import { attempt } from './notice.tsx';

interface ReplayView {
  readonly id: number;
  readonly endpoint: string;
  readonly query: string;
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
  readonly progress: number;
  readonly sent: number;
  readonly refused: number;
  readonly started: string;
  readonly trouble: string | null;
}

const TONES: Readonly<Record<ReplayView['state'], Tone>> = {
  running: 'info',
  done: 'good',
  stopped: 'warn',
  failed: 'bad',
};

/** Sends what the journal holds to an endpoint once more, from a time on. */
export function Replay({ name }: { name: string }) {
  const replays = usePoll(
    async (abort) =>
      (await ask<{ replays: ReplayView[] }>('replays', { signal: abort })).replays.filter(
        (one) => one.endpoint === name,
      ),
    2_000,
    name,
  );
  const start = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const { from = '', to = '', q = '', rate = '' } = textsOf(event.currentTarget as HTMLFormElement);
    const body = {
      q,
      ...(from === '' ? {} : { from: new Date(from).toISOString() }),
      ...(to === '' ? {} : { to: new Date(to).toISOString() }),
      ...(rate === '' ? {} : { records_per_s: Number(rate) }),
    };
    await attempt('The replay has begun.', () =>
      ask(`endpoints/${encodeURIComponent(name)}/replay`, { method: 'POST', body }),
    );
    replays.refresh();
  };
  const stop = async (id: number): Promise<void> => {
    await attempt('The replay stops.', () => ask(`replays/${id}/stop`, { method: 'POST' }));
    replays.refresh();
  };
  const list = replays.value.value ?? [];
  if (!mayI('operator') && list.length === 0) return null;
  return (
    <Panel title="Replay">
      <p class="hint">
        Sends records that the journal still has once more. They keep their ids, so an endpoint that goes by the id
        holds each once.
      </p>
      <Failure error={replays.failure.value} />
      {mayI('operator') && (
        <form class="row" onSubmit={(event) => void start(event)}>
          <label>
            Received from
            <input name="from" type="datetime-local" required />
          </label>
          <label>
            to
            <input name="to" type="datetime-local" />
          </label>
          <label>
            Only what matches
            <input name="q" placeholder="all records, or a search" />
          </label>
          <label>
            Records a second
            <input name="rate" type="number" min={0} placeholder="5000" />
          </label>
          <button type="submit" class="primary">
            Replay
          </button>
        </form>
      )}
      {list.length > 0 && (
        <ul class="words">
          {list.slice(0, 5).map((replay) => (
            <li key={replay.id}>
              <Badge tone={TONES[replay.state]}>{replay.state}</Badge> {count(replay.sent)} sent,{' '}
              {count(replay.refused)} refused, begun {time(replay.started)}{' '}
              {replay.state === 'running' && (
                <progress max={1} value={replay.progress} aria-label="How far it has come" />
              )}
              {replay.state === 'running' && mayI('operator') && (
                <button type="button" onClick={() => void stop(replay.id)}>
                  Stop
                </button>
              )}
              {replay.trouble !== null && (
                <p class="why">
                  <Text>{replay.trouble}</Text>
                </p>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
