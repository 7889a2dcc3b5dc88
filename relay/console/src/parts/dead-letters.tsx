import { useSignal } from '@preact/signals';
import type { DeadLetter } from '../../../journal/journal.ts';
import { ask, mayI } from '../api.ts';
import { some, time } from '../format.ts';
import { usePoll } from '../poll.ts';
import { Nothing, Panel, Text } from './basics.tsx';
import { askFirst } from './dialog.tsx';
import { Listed } from './listed.tsx';
import { attempt } from './notice.tsx';

/** What an endpoint refused for good: why, and what to do with it. */
export function DeadLetters({ name }: { name: string }) {
  const path = `endpoints/${encodeURIComponent(name)}/dead-letters`;
  const letters = usePoll(
    async (abort) => (await ask<{ dead_letters: DeadLetter[] }>(path, { signal: abort })).dead_letters,
    5_000,
    name,
  );
  const chosen = useSignal<ReadonlySet<number>>(new Set());
  const list = letters.value.value;
  const toggle = (id: number): void => {
    const next = new Set(chosen.value);
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
  };
  const act = async (action: 'resend' | 'discard'): Promise<void> => {
    const ids = [...chosen.value];
    if (action === 'discard') {
      const yes = await askFirst({
        title: `Give up ${some(ids.length, 'dead letter')}?`,
        body: <p>This endpoint will never get them. The records themselves stay in the journal, as its rules say.</p>,
        confirm: 'Give up',
        dangerous: true,
      });
      if (!yes) return;
    }
    const done = await attempt(action === 'resend' ? 'They were sent again.' : 'They are given up.', () =>
      ask(`${path}/${action}`, { method: 'POST', body: { ids } }),
    );
    if (done !== undefined) chosen.value = new Set();
    letters.refresh();
  };
  return (
    <Panel
      title="Dead letters"
      actions={
        mayI('operator') &&
        list !== undefined &&
        list.length > 0 && (
          <>
            <button
              type="button"
              onClick={() =>
                (chosen.value = new Set(chosen.value.size === list.length ? [] : list.map(({ id }) => id)))
              }
            >
              {chosen.value.size === list.length ? 'Choose none' : 'Choose all'}
            </button>
            <button type="button" disabled={chosen.value.size === 0} onClick={() => void act('resend')}>
              Send again
            </button>
            <button type="button" class="danger" disabled={chosen.value.size === 0} onClick={() => void act('discard')}>
              Give up
            </button>
          </>
        )
      }
    >
      <Listed of={letters} none={<Nothing title="This endpoint has refused nothing for good." />}>
        {(some) => (
          <ul class="letters">
            {some.map((letter) => (
              <li key={letter.id}>
                {mayI('operator') && (
                  <input
                    type="checkbox"
                    aria-label={`Choose dead letter ${letter.id}`}
                    checked={chosen.value.has(letter.id)}
                    onChange={() => toggle(letter.id)}
                  />
                )}
                <details>
                  <summary>
                    <time>{time(letter.atMs)}</time> <code>{letter.code}</code> <Text>{letter.reason}</Text>
                  </summary>
                  <pre>
                    <Text>{pretty(letter.line)}</Text>
                  </pre>
                </details>
              </li>
            ))}
          </ul>
        )}
      </Listed>
    </Panel>
  );
}

/** A record over several lines; what is no JSON stays as it is. */
function pretty(line: string): string {
  try {
    return JSON.stringify(JSON.parse(line), null, 2);
  } catch {
    return line;
  }
}
