import type { RunView } from '../../../admin/api/retention-views.ts';
import { ask } from '../api.ts';
import { bytes, count, duration, time } from '../format.ts';
import { Badge, Nothing, Panel, Text } from '../parts/basics.tsx';
import { tell } from '../parts/dialog.tsx';
import { Listed } from '../parts/listed.tsx';
import { attempt } from '../parts/notice.tsx';
import { usePoll } from '../poll.ts';
import { purgeTone } from './shapes.ts';

/** What purges did, each with its log. */
export function PurgeHistory() {
  const runs = usePoll(
    async (abort) => (await ask<{ runs: RunView[] }>('retention/runs?limit=100', { signal: abort })).runs,
    5_000,
  );
  const showLog = async (id: number): Promise<void> => {
    const { log } = await ask<{ log: string }>(`retention/runs/${id}/log`);
    await tell(
      `Log of ${id}`,
      <pre class="config">
        <Text>{log}</Text>
      </pre>,
    );
  };
  return (
    <Panel title="Purges, newest first">
      <Listed of={runs} none={<Nothing title="Nothing was purged yet." />}>
        {(list) => (
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th>Purge</th>
                  <th>State</th>
                  <th>Began</th>
                  <th>Took</th>
                  <th class="number">Records</th>
                  <th class="number">Disk</th>
                  <th>Set off by</th>
                  <th>Log</th>
                </tr>
              </thead>
              <tbody>
                {list.map((run) => (
                  <tr key={run.id}>
                    <td>
                      {run.id} {run.dry_run && <small>dry run</small>}
                    </td>
                    <td>
                      <Badge tone={purgeTone(run.state)}>{run.state}</Badge>
                    </td>
                    <td>{time(run.started)}</td>
                    <td>{run.ended === null ? '' : duration(Date.parse(run.ended) - Date.parse(run.started))}</td>
                    <td class="number">{count(run.records)}</td>
                    <td class="number">{bytes(run.stored_bytes)}</td>
                    <td>
                      {run.cause} · <Text>{run.who}</Text>
                    </td>
                    <td>
                      <button
                        type="button"
                        aria-label={`Log of purge ${run.id}`}
                        onClick={() => void attempt('', () => showLog(run.id))}
                      >
                        Log
                      </button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Listed>
    </Panel>
  );
}
