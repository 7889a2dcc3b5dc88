import { ask, mayI } from '../api.ts';
import { duration, time } from '../format.ts';
import { Nothing, Panel, Text } from '../parts/basics.tsx';
import { textsOf } from '../parts/form.ts';
import { attempt } from '../parts/notice.tsx';
import { cronWords } from '../text/cron.ts';
import type { RetentionState } from './shapes.ts';

/** What is kept for how long, and when purges begin. */
export function Rules({ now, refresh }: { now: RetentionState; refresh: () => void }) {
  const set = async (cron: string | null): Promise<void> => {
    await attempt('The schedule was changed.', () => ask('retention/schedule', { method: 'POST', body: { cron } }));
    refresh();
  };
  return (
    <>
      <Panel title="What is kept, and for how long">
        {now.forecast.rules.length === 0 ? (
          <Nothing title="There is no rule: everything is kept for ever.">
            Rules are written under retention in the config.
          </Nothing>
        ) : (
          <ol class="words">
            {now.forecast.rules.map((words) => (
              <li key={words}>
                <Text>{words}</Text>
              </li>
            ))}
          </ol>
        )}
        <p class="hint">
          The first rule that matches a record decides; <Text>{now.forecast.window}</Text>
        </p>
      </Panel>
      <Panel title="When">
        {now.schedules.length === 0 ? (
          <Nothing title="No purge begins by itself." />
        ) : (
          <ul class="words">
            {now.schedules.map((schedule) => (
              <Schedule key={schedule.name} schedule={schedule} />
            ))}
          </ul>
        )}
        {mayI('admin') && (
          <form
            class="row"
            onSubmit={(event) => {
              event.preventDefault();
              void set(textsOf(event.currentTarget)['cron'] ?? '');
            }}
          >
            <label>
              Cron: second minute hour day month weekday
              <input name="cron" required placeholder="0 0 3 * * *" />
            </label>
            <button type="submit" class="primary">
              Set
            </button>
            <button type="button" onClick={() => void set(null)}>
              Back to the config’s
            </button>
          </form>
        )}
      </Panel>
      <Panel title="Proof">
        <p>
          Each purge that takes something leaves a certificate in the chain of hashes. <code>spillway verify</code>{' '}
          walks through all of it and names the first place where something does not fit;{' '}
          <code>spillway verify --anchor FILE</code> compares with what the endpoints were sent.
        </p>
      </Panel>
    </>
  );
}

function Schedule({ schedule: { cron, set_by, next_runs } }: { schedule: RetentionState['schedules'][number] }) {
  const [next, ...later] = next_runs.slice(0, 3);
  return (
    <li>
      A purge begins {cronWords(cron) ?? 'by a schedule'}{' '}
      <small>
        (<code>{cron}</code>, {set_by === null ? 'from the config' : <Text>{`set by ${set_by}`}</Text>})
      </small>
      {next === undefined ? (
        ', but never again.'
      ) : (
        <p class="hint">
          Next in {duration(Date.parse(next) - Date.now())}, at {time(next)}
          {later.length > 0 && `; then ${later.map(time).join(' and ')}`} by your clock.
        </p>
      )}
    </li>
  );
}
