import type { HoldView } from '../../../admin/api/retention-views.ts';
import { ask, mayI, session } from '../api.ts';
import { time } from '../format.ts';
import { Nothing, Panel, Text } from '../parts/basics.tsx';
import { askFirst } from '../parts/dialog.tsx';
import { Listed } from '../parts/listed.tsx';
import { textsOf } from '../parts/form.ts';
import { attempt } from '../parts/notice.tsx';
import { usePoll } from '../poll.ts';

/** What nothing may take. */
export function Holds() {
  const holds = usePoll(
    async (abort) => (await ask<{ holds: HoldView[] }>('retention/holds', { signal: abort })).holds,
    5_000,
  );
  const add = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = Object.entries(textsOf(form)).filter(([, text]) => text.trim() !== '');
    const body = Object.fromEntries(
      given.map(([name, text]) => [
        name,
        name === 'from' || name === 'to' ? new Date(text).toISOString() : text.trim(),
      ]),
    );
    if ((await attempt('The hold is placed.', () => ask('retention/holds', { method: 'POST', body }))) !== undefined)
      form.reset();
    holds.refresh();
  };
  const lift = async (hold: HoldView): Promise<void> => {
    const reason = { why: '' };
    const yes = await askFirst({
      title: `Lift hold ${hold.id}?`,
      body: (
        <>
          <p>From then on purges may take what it kept. The hold stays on record, with who lifted it and why.</p>
          <label>
            Why
            <input onInput={(event) => (reason.why = event.currentTarget.value)} />
          </label>
        </>
      ),
      confirm: 'Lift',
      dangerous: true,
    });
    if (!yes) return;
    await attempt('The hold is lifted.', () =>
      ask(`retention/holds/${hold.id}/lift`, { method: 'POST', body: reason }),
    );
    holds.refresh();
  };
  return (
    <Panel title="Holds">
      <p class="hint">What a hold names no purge and no limit takes, whatever the rules say.</p>
      <Listed of={holds} none={<Nothing title="There is no hold." />}>
        {(list) => (
          <ul class="words">
            {list.map((hold) => (
              <li key={hold.id}>
                <strong>
                  <Text>{scopeOf(hold)}</Text>
                </strong>
                : <Text>{hold.why}</Text>{' '}
                <small>
                  placed {time(hold.created)} by <Text>{hold.who}</Text>
                </small>{' '}
                {session.value?.role === 'auditor' && (
                  <button type="button" class="danger" onClick={() => void lift(hold)}>
                    Lift
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Listed>
      {mayI('auditor') && (
        <form class="row" onSubmit={(event) => void add(event)}>
          <label>
            Dataset
            <input name="dataset" placeholder="harbor.audit or *" />
          </label>
          <label>
            Repository
            <input name="repository" placeholder="owner/name" />
          </label>
          <label>
            Run
            <input name="run" />
          </label>
          <label>
            From
            <input name="from" type="datetime-local" />
          </label>
          <label>
            To
            <input name="to" type="datetime-local" />
          </label>
          <label>
            Why
            <input name="why" required minLength={3} />
          </label>
          <button type="submit" class="primary">
            Place a hold
          </button>
        </form>
      )}
    </Panel>
  );
}

function scopeOf({ dataset, repository, run, from, to }: HoldView): string {
  const parts = [
    dataset === null ? '' : `dataset ${dataset}`,
    repository === null ? '' : `repository ${repository}`,
    run === null ? '' : `run ${run}`,
    from === null ? '' : `from ${time(from)}`,
    to === null ? '' : `to ${time(to)}`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}
