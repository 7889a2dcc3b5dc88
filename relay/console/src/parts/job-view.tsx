import { useSignal } from '@preact/signals';
import { bytes, count, duration, some, time } from '../format.ts';
import { linkTo, place } from '../router.ts';
import { conclusionTone, type JobWithSteps, logMeaning, type Step, verdictTone } from '../runs-api.ts';
import { Badge, Panel, Text } from './basics.tsx';
import { StepLog } from './step-log.tsx';

/** One job: what is known of it, and its log by steps, folded like on GitHub's own page. */
export function JobView({ job }: { job: JobWithSteps }) {
  const showTimes = useSignal(false);
  const find = useSignal('');
  const path = `/api/v1/jobs/${job.timeline}/${job.job_id}`;
  const inSteps = job.steps.reduce((sum, { lines }) => sum + lines, 0);
  return (
    <div class="job">
      <Panel
        title={
          <>
            <Text>{job.name ?? 'Job without a name'}</Text> <JobBadges job={job} />
          </>
        }
        actions={
          <>
            <a class="button" href={`${path}/log`} download={`${job.name ?? job.job_id}.log`}>
              Download
            </a>
            <a class="button" href={`${path}/log?plain=true`} download={`${job.name ?? job.job_id}.txt`}>
              Download without times
            </a>
          </>
        }
      >
        <p class="hint">{logMeaning(job)}</p>
        {(job.gaps.length > 0 || job.notes.length > 0) && (
          <ul class="why-list">
            {job.gaps.map(({ record, number, from, to }) => (
              <li key={`${record} ${number} ${from}`}>
                page {number} of <code>{record}</code>: bytes {count(from)} to {to === null ? 'its end' : count(to)} are
                missing
              </li>
            ))}
            {job.notes.map((note) => (
              <li key={note}>
                <Text>{note}</Text>
              </li>
            ))}
          </ul>
        )}
        <dl class="facts">
          <Fact name="Workflow">{job.workflow}</Fact>
          <Fact name="Ref">{job.ref}</Fact>
          <Fact name="Commit">{job.sha?.slice(0, 12)}</Fact>
          <Fact name="Event">{job.event}</Fact>
          <Fact name="By">{job.actor}</Fact>
          <Fact name="Runner">{[job.runner, job.pod].filter((part) => part !== undefined).join(', ')}</Fact>
          <Fact name="Began">{job.started === undefined ? undefined : time(job.started)}</Fact>
          <Fact name="Log">{`${count(job.lines)} lines, ${bytes(job.bytes)}`}</Fact>
        </dl>
      </Panel>
      <Panel
        title="Log"
        actions={
          <>
            <input
              type="search"
              aria-label="Find in the lines shown"
              placeholder="find in what is open"
              value={find.value}
              onInput={(event) => (find.value = event.currentTarget.value)}
            />
            <a
              class="button"
              href={linkTo(['search'], { q: `github.job.id:${job.job_id} ${quoted(find.value)}`.trim(), since: 'all' })}
            >
              Find in all of it
            </a>
            <button type="button" aria-pressed={showTimes.value} onClick={() => (showTimes.value = !showTimes.value)}>
              Times
            </button>
          </>
        }
      >
        <div class="steps">
          {job.steps.map((step) => (
            <StepPart key={step.number} job={job} step={step} showTimes={showTimes.value} find={find.value} />
          ))}
          {job.lines > inSteps && (
            <StepPart
              job={job}
              step={{
                number: 0,
                name: job.steps.length === 0 ? 'All lines' : 'Lines of no known step',
                lines: job.lines - inSteps,
              }}
              showTimes={showTimes.value}
              find={find.value}
            />
          )}
        </div>
      </Panel>
    </div>
  );
}

function StepPart({ job, step, showTimes, find }: { job: JobWithSteps; step: Step; showTimes: boolean; find: string }) {
  const asked = place.value.query.get('step');
  const seq = place.value.query.get('seq');
  const open = useSignal(
    asked === String(step.number) || (asked === null && (step.number === 0 || step.conclusion === 'failed')),
  );
  // The Worker log tells time by the second.
  const tookMs = Date.parse(step.finished ?? '') - Date.parse(step.started ?? '');
  const took = tookMs >= 1_000 ? `, ${duration(tookMs)}` : '';
  return (
    <details open={open.value} onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        <span class="step-state">
          {step.conclusion !== undefined && <Badge tone={conclusionTone(step.conclusion)}>{step.conclusion}</Badge>}
        </span>
        <span class="step-name">
          <Text>{step.name}</Text>
        </span>
        <small>
          {some(step.lines, 'line')}
          {took}
        </small>
      </summary>
      {open.value && (
        <StepLog
          path={`jobs/${job.timeline}/${job.job_id}/lines`}
          step={step.number === 0 ? undefined : step.number}
          total={step.lines}
          withoutStep={step.number === 0 && job.steps.length > 0}
          showTimes={showTimes}
          find={find}
          marked={seq === null || !/^\d{1,15}$/.test(seq) ? undefined : Number(seq)}
        />
      )}
    </details>
  );
}

/** What a job came to, and whether all of its log is here. */
export function JobBadges({ job }: { job: Pick<JobWithSteps, 'conclusion' | 'verdict' | 'gone'> }) {
  return (
    <span class="badges">
      {job.conclusion !== undefined && <Badge tone={conclusionTone(job.conclusion)}>{job.conclusion}</Badge>}
      <Badge tone={job.gone === undefined ? verdictTone(job.verdict) : 'quiet'} title={logMeaning(job)}>
        {job.gone === undefined ? `log ${job.verdict}` : 'log gone'}
      </Badge>
    </span>
  );
}

function Fact({ name, children }: { name: string; children: string | undefined }) {
  if (children === undefined || children === '') return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Text>{children}</Text>
      </dd>
    </div>
  );
}

function quoted(text: string): string {
  return text === '' ? '' : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
