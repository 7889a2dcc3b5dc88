import type { RunView } from '../../../admin/api/retention-views.ts';
import { ask, mayI } from '../api.ts';
import { count, some } from '../format.ts';
import { Badge, Panel } from '../parts/basics.tsx';
import { Read } from '../parts/listed.tsx';
import { attempt } from '../parts/notice.tsx';
import { usePoll } from '../poll.ts';
import { PurgeHistory } from '../retention/history.tsx';
import { Holds } from '../retention/holds.tsx';
import { PurgeNow } from '../retention/purge-now.tsx';
import { Rules } from '../retention/rules.tsx';
import { purgeTone, type RetentionState } from '../retention/shapes.ts';
import { linkTo, place } from '../router.ts';

const TABS = [
  ['rules', 'Rules'],
  ['purge', 'Purge now'],
  ['history', 'History'],
  ['holds', 'Holds'],
] as const;

export function Retention() {
  const tab = place.value.path[1] ?? 'rules';
  const retention = usePoll((abort) => ask<RetentionState>('retention', { signal: abort }), 2_000);
  return (
    <>
      <h1>Retention</h1>
      <nav class="choice tabs" aria-label="Parts of retention">
        {TABS.map(([name, title]) => (
          <a
            key={name}
            class="button"
            aria-current={tab === name ? 'page' : undefined}
            href={linkTo(['retention', name])}
          >
            {title}
          </a>
        ))}
      </nav>
      <Read of={retention}>
        {(now) => (
          <>
            {now.active !== null && <Active run={now.active} refresh={retention.refresh} />}
            {tab === 'purge' ? (
              <PurgeNow rules={now.rules} refresh={retention.refresh} />
            ) : tab === 'history' ? (
              <PurgeHistory />
            ) : tab === 'holds' ? (
              <Holds />
            ) : (
              <Rules now={now} refresh={retention.refresh} />
            )}
          </>
        )}
      </Read>
    </>
  );
}

function Active({ run, refresh }: { run: RunView; refresh: () => void }) {
  const stop = async (): Promise<void> => {
    await attempt('It stops after the step that is under way.', () =>
      ask(`retention/runs/${run.id}/stop`, { method: 'POST' }),
    );
    refresh();
  };
  return (
    <Panel
      title={
        <>
          {run.dry_run ? 'Dry run' : 'Purge'} {run.id} <Badge tone={purgeTone(run.state)}>{run.state}</Badge>
        </>
      }
      actions={
        mayI('operator') && (
          <button type="button" class="danger" onClick={() => void stop()}>
            Stop
          </button>
        )
      }
    >
      <progress max={1} value={run.progress} aria-label="How far it has come" />
      <p>
        {some(run.records, 'record')} {run.dry_run ? 'would go' : 'gone'} of {count(run.looked_records)} looked at
        {run.state === 'waiting' && '; it goes on when the next window opens'}
      </p>
    </Panel>
  );
}
