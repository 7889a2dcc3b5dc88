import { useSignal } from '@preact/signals';
import type { RunView } from '../../../admin/api/retention-views.ts';
import { ask, mayI } from '../api.ts';
import { bytes, count, some, time } from '../format.ts';
import { Badge, Panel, Text } from '../parts/basics.tsx';
import { askFirst } from '../parts/dialog.tsx';
import { attempt } from '../parts/notice.tsx';
import { usePoll } from '../poll.ts';
import { purgeTone, type RetentionState } from './shapes.ts';

/** A purge by hand: counted first, then asked about, then done. */
export function PurgeNow({ rules, refresh }: { rules: RetentionState['rules']; refresh: () => void }) {
  const rule = useSignal('');
  const ignoreWindows = useSignal(false);
  const body = { ...(rule.value === '' ? {} : { rule: rule.value }), ignore_windows: ignoreWindows.value };
  const dryRun = async (): Promise<void> => {
    await attempt('Counting; what it finds is below and in the history.', () =>
      ask<RunView>('retention/dry-run', { method: 'POST', body }),
    );
    refresh();
    runs.refresh();
  };
  const purge = async (): Promise<void> => {
    // Only what was counted a moment ago, by the same rules, can be begun.
    const counted = latest?.confirm != null && latest.parameters['rule'] === body.rule ? latest : undefined;
    const yes = await askFirst({
      title: 'Purge now?',
      body: (
        <>
          <p>
            <strong>What a purge takes cannot be recovered.</strong> If it must be kept, export it first.
          </p>
          <p>
            {counted === undefined
              ? 'Nobody has counted lately what it would take by these rules. A dry run does; then ask again.'
              : `The dry run at ${time(counted.started)} found ${some(counted.records, 'record')} (${bytes(counted.stored_bytes)}).`}
          </p>
        </>
      ),
      confirm: counted === undefined ? 'Dry run' : 'Purge',
      dangerous: counted !== undefined,
    });
    if (!yes) return;
    if (counted === undefined) return dryRun();
    const confirmed = { ...body, confirm: counted.confirm };
    await attempt('The purge has begun.', () => ask<RunView>('retention/purge', { method: 'POST', body: confirmed }));
    refresh();
    runs.refresh();
  };
  const runs = usePoll(
    async (abort) => (await ask<{ runs: RunView[] }>('retention/runs?limit=1', { signal: abort })).runs,
    2_000,
  );
  const latest = runs.value.value?.[0];
  return (
    <>
      <Panel title="Purge now">
        <form class="row" onSubmit={(event) => event.preventDefault()}>
          <label>
            By
            <select value={rule.value} onChange={(event) => (rule.value = event.currentTarget.value)}>
              <option value="">all rules</option>
              {rules.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={ignoreWindows.value}
              onChange={(event) => (ignoreWindows.value = event.currentTarget.checked)}
            />
            also outside its windows
          </label>
          <button type="button" class="primary" disabled={!mayI('operator')} onClick={() => void dryRun()}>
            Dry run
          </button>
          <button type="button" class="danger" disabled={!mayI('admin')} onClick={() => void purge()}>
            Purge…
          </button>
        </form>
        <p class="hint">
          A dry run counts exactly what a purge would take, and takes nothing. A purge wants one of the last 15 minutes.
        </p>
      </Panel>
      {latest !== undefined && <Outcome run={latest} />}
    </>
  );
}

function Outcome({ run }: { run: RunView }) {
  const counts = (title: string, of: Readonly<Record<string, number>>) =>
    Object.keys(of).length > 0 && (
      <div>
        <h3>{title}</h3>
        <ul>
          {Object.entries(of)
            .toSorted(([, a], [, b]) => b - a)
            .slice(0, 12)
            .map(([name, value]) => (
              <li key={name}>
                <Text>{name}</Text> <small>{count(value)}</small>
              </li>
            ))}
        </ul>
      </div>
    );
  return (
    <Panel
      title={
        <>
          {run.dry_run ? 'Dry run' : 'Purge'} {run.id} <Badge tone={purgeTone(run.state)}>{run.state}</Badge>
        </>
      }
    >
      {run.error !== null && (
        <p class="failure">
          <Text>{run.error}</Text>
        </p>
      )}
      <p class="figure">
        {count(run.records)}{' '}
        <small>
          records {run.dry_run ? 'would go' : 'went'}, {bytes(run.stored_bytes)} of disk come back
        </small>
      </p>
      <dl class="facts">
        <div>
          <dt>Looked at</dt>
          <dd>{some(run.looked_records, 'record')}</dd>
        </div>
        <div>
          <dt>Kept by holds</dt>
          <dd>{count(run.held_records)}</dd>
        </div>
        <div>
          <dt>Kept since an endpoint has not got them</dt>
          <dd>{count(run.undelivered_records)}</dd>
        </div>
        <div>
          <dt>Batches removed, rewritten</dt>
          <dd>
            {count(run.batches_removed)}, {count(run.batches_rewritten)}
          </dd>
        </div>
      </dl>
      <div class="facets">
        {counts('By rule', run.by_rule)}
        {counts('By dataset', run.by_dataset)}
        {counts('By operation', run.by_operation)}
        {counts('Taken before an endpoint had them', run.taken_undelivered)}
      </div>
    </Panel>
  );
}
