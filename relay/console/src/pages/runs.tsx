import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, ask } from '../api.ts';
import { ago, count, duration } from '../format.ts';
import { Badge, Failure, Nothing, Panel, Text } from '../parts/basics.tsx';
import { Read } from '../parts/listed.tsx';
import { JobBadges, JobView } from '../parts/job-view.tsx';
import { usePoll } from '../poll.ts';
import { go, linkTo, place } from '../router.ts';
import {
  conclusionOf,
  conclusionTone,
  type Job,
  type JobWithSteps,
  type Run,
  type Verdict,
  verdictMeaning,
  verdictTone,
} from '../runs-api.ts';
import { searchParameters } from '../search-stream.ts';

const VERDICTS: readonly (Verdict | '')[] = ['', 'complete', 'open', 'gaps', 'cut', 'unmapped'];

/** `#/runs`, `#/runs/OWNER/NAME/ID`, `#/runs/job/TIMELINE/JOB`. */
export function Runs() {
  const [, first, second, third] = place.value.path;
  if (first === undefined || second === undefined || third === undefined) return <List />;
  if (first === 'job') return <OneJob timeline={second} job={third} key={third} />;
  return <OneRun owner={first} name={second} id={third} key={`${first}/${second}/${third}`} />;
}

function List() {
  const { query } = place.value;
  const repository = query.get('repository') ?? '';
  const verdict = query.get('verdict') ?? '';
  const parameters = searchParameters({ repository, verdict, limit: '50' });
  const latest = usePoll(
    (abort) => ask<{ runs: Run[]; next?: string }>(`runs?${parameters}`, { signal: abort }),
    5_000,
    parameters,
  );
  const older = useSignal<readonly Run[]>([]);
  const next = useSignal<string | undefined>(undefined);
  const failure = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    older.value = [];
    next.value = undefined;
  }, [parameters]);
  const page = latest.value.value;
  const more = async (): Promise<void> => {
    try {
      const answer = await ask<{ runs: Run[]; next?: string }>(
        `runs?${parameters}&after=${next.value ?? page?.next ?? ''}`,
      );
      older.value = [...older.value, ...answer.runs];
      next.value = answer.next ?? 'end';
    } catch (error) {
      failure.value = error instanceof ApiError ? error : new ApiError(0, '', String(error));
    }
  };
  const runs = [...(page?.runs ?? []), ...older.value];
  const hasMore = next.value === undefined ? page?.next !== undefined : next.value !== 'end';
  return (
    <>
      <h1>Runs</h1>
      <form class="query" role="search" onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          aria-label="Repository"
          placeholder="owner/repository"
          value={repository}
          onChange={(event) => go(linkTo(['runs'], { verdict, repository: event.currentTarget.value.trim() }))}
        />
        <select
          aria-label="Verdict"
          value={verdict}
          onChange={(event) => go(linkTo(['runs'], { repository, verdict: event.currentTarget.value }))}
        >
          {VERDICTS.map((name) => (
            <option key={name} value={name}>
              {name === '' ? 'all verdicts' : name}
            </option>
          ))}
        </select>
      </form>
      <Failure error={failure.value} />
      <Panel>
        <Read of={latest}>
          {() =>
            runs.length === 0 ? (
              <Nothing title="No run is known here.">
                Runs come from runners’ page files: see fluent-bit/README.md, or try another filter.
              </Nothing>
            ) : (
              <RunTable runs={runs} />
            )
          }
        </Read>
        {hasMore && (
          <button type="button" onClick={() => void more()}>
            Older runs
          </button>
        )}
      </Panel>
    </>
  );
}

function RunTable({ runs }: { runs: readonly Run[] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Run</th>
            <th>Result</th>
            <th>Log</th>
            <th>Workflow</th>
            <th class="number">Jobs</th>
            <th class="number">Lines</th>
            <th>By</th>
            <th>Last heard of</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={`${run.repository} ${run.run_id} ${run.attempt} ${run.jobs[0]?.job_id}`}>
              <td>
                <a href={runLink(run)}>
                  <Text>{run.repository ?? 'unknown repository'}</Text>{' '}
                  {run.run_number === undefined ? '' : `#${run.run_number}`}
                </a>
                {(run.attempt ?? 1) > 1 && <small> attempt {run.attempt}</small>}
              </td>
              <td>
                <Result conclusion={conclusionOf(run)} />
              </td>
              <td>
                <Badge tone={verdictTone(run.verdict)} title={verdictMeaning(run.verdict)}>
                  {run.verdict}
                </Badge>
              </td>
              <td>
                <Text>{run.workflow ?? ''}</Text>
              </td>
              <td class="number">{count(run.jobs.length)}</td>
              <td class="number">{count(run.jobs.reduce((sum, job) => sum + job.lines, 0))}</td>
              <td>
                <Text>{run.actor ?? ''}</Text>
              </td>
              <td>{ago(run.last_received)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Result({ conclusion }: { conclusion: string | undefined }) {
  return conclusion === undefined ? null : <Badge tone={conclusionTone(conclusion)}>{conclusion}</Badge>;
}

function runLink(run: Run): string {
  const [owner = '', name = ''] = (run.repository ?? '').split('/');
  const [job] = run.jobs;
  if (run.run_id !== undefined && owner !== '' && name !== '') return linkTo(['runs', owner, name, run.run_id]);
  return linkTo(['runs', 'job', job?.timeline ?? '', job?.job_id ?? '']);
}

function OneRun({ owner, name, id }: { owner: string; name: string; id: string }) {
  const path = `runs/${[owner, name, id].map(encodeURIComponent).join('/')}`;
  const run = usePoll((abort) => ask<{ jobs: JobWithSteps[] }>(path, { signal: abort }), 5_000, path);
  return <Read of={run}>{({ jobs }) => <RunPage owner={owner} name={name} id={id} jobs={jobs} />}</Read>;
}

function RunPage(props: { owner: string; name: string; id: string; jobs: readonly JobWithSteps[] }) {
  const { owner, name, id, jobs } = props;
  const wanted = place.value.query.get('job');
  const chosen = jobs.find((job) => job.job_id === wanted) ?? jobs[0]!;
  return (
    <>
      <p class="crumbs">
        <a href={linkTo(['runs'])}>Runs</a> /{' '}
        <a href={linkTo(['runs'], { repository: `${owner}/${name}` })}>
          <Text>{`${owner}/${name}`}</Text>
        </a>{' '}
        /
      </p>
      <h1>
        <Text>{chosen.workflow ?? 'Run'}</Text>{' '}
        <small>
          #{chosen.run_number ?? ''} · <Text>{id}</Text>
        </small>
      </h1>
      <div class="run">
        <nav aria-label="Jobs">
          <ul class="jobs">
            {jobs.map((job) => (
              <li key={job.job_id}>
                <a
                  href={linkTo(['runs', owner, name, id], { job: job.job_id })}
                  aria-current={job === chosen ? 'page' : undefined}
                >
                  <Text>{job.name ?? 'unnamed job'}</Text>
                  <small>
                    {(job.attempt ?? 1) > 1 ? `attempt ${job.attempt} · ` : ''}
                    {howLong(job)}
                  </small>
                  <JobBadges job={job} />
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <JobView job={chosen} key={chosen.job_id} />
      </div>
    </>
  );
}

function OneJob({ timeline, job: id }: { timeline: string; job: string }) {
  const path = `jobs/${encodeURIComponent(timeline)}/${encodeURIComponent(id)}`;
  const job = usePoll((abort) => ask<JobWithSteps>(path, { signal: abort }), 5_000, path);
  return (
    <Read of={job}>
      {(found) => (
        <>
          <p class="crumbs">
            <a href={linkTo(['runs'])}>Runs</a> /
          </p>
          <h1>
            <Text>{found.workflow ?? 'Job'}</Text>
          </h1>
          <JobView job={found} />
        </>
      )}
    </Read>
  );
}

export function howLong({ started, finished }: Pick<Job, 'started' | 'finished'>): string {
  if (started === undefined) return '';
  return duration((finished === undefined ? Date.now() : Date.parse(finished)) - Date.parse(started));
}
