import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WorkerLogParser, type WorkerEvent } from '../../relay/runs/worker-log.ts';
import { JOB, workerLog } from '../support/runner-log.ts';

const bytes = (lines: readonly string[]): Buffer[] => lines.map((line) => Buffer.from(line));

function eventsOf(lines: readonly string[]): WorkerEvent[] {
  const parser = new WorkerLogParser();
  return bytes(lines).flatMap((line) => parser.line(line));
}

const second = Date.parse('2026-11-22T08:14:59Z') / 1_000;

test('a Worker log tells the job, its steps and how it ended', () => {
  const events = eventsOf(workerLog());

  expect(events[0]).toEqual({
    kind: 'job',
    second,
    message: {
      timeline: JOB.timeline,
      jobRecord: JOB.record,
      jobName: 'build',
      steps: [
        { record: JOB.steps[0].record, name: 'Check out' },
        { record: JOB.steps[1].record, name: undefined },
      ],
      github: {
        repository: 'corp/web',
        run_id: '4711',
        run_number: '12',
        run_attempt: '1',
        workflow: 'ci',
        server_url: 'https://ghes.corp',
        event_name: 'push',
        ref: 'refs/heads/main',
        sha: 'a'.repeat(40),
        actor: 'mona',
      },
    },
  });
  expect(events.slice(1).map(({ kind }) => kind)).toEqual([
    'steps_total',
    'step',
    'step_result',
    'step',
    'step_result',
    'step',
    'step_skipped',
    'step_result',
    'finalize',
    'job_result',
    'completed',
  ]);
  expect(events[2]).toEqual({ kind: 'step', second: second + 1, name: "Check out the 'main' branch" });
  expect(events[3]).toEqual({ kind: 'step_result', second: second + 2, conclusion: 'success' });
  expect(events.at(-2)).toEqual({ kind: 'job_result', conclusion: 'failure' });
});

test('names with a capital letter are read too', () => {
  const capital = workerLog().map((line) =>
    line.replace(/^( +")([a-z])/, (_, head: string, c: string) => head + c.toUpperCase()),
  );

  expect(eventsOf(capital)[0]).toEqual(eventsOf(workerLog())[0]);
});

test('what an event’s payload says of itself is not taken for the job’s', () => {
  const evil = JSON.stringify({ jobId: '1', timeline: { id: '2' }, repository: 'evil/repo' });
  const lines = workerLog({
    event: { head_commit: evil, repository: 'evil/repo', d: [{ k: 'repository', v: 'evil/repo' }] },
  });

  expect(eventsOf(lines)[0]).toEqual(eventsOf(workerLog())[0]);
});

test('a second job message, as a step’s name could hold one, changes nothing', () => {
  const lines = [...workerLog(), ...workerLog({ github: { repository: 'evil/repo' } })];

  const jobs = eventsOf(lines).filter(({ kind }) => kind === 'job');
  expect(jobs).toEqual([eventsOf(workerLog())[0]]);
});

test('a message that names no job is told of as such', () => {
  const lines = workerLog().map((line) => line.replace(JOB.timeline, '***'));

  expect(eventsOf(lines)[0]).toEqual({ kind: 'job', second, message: undefined });
});

test('a message that ends in the middle gives way to the next trace line', () => {
  const lines = workerLog();
  const cut = lines.slice(
    0,
    lines.findIndex((line) => line.includes('"contextData"')),
  );

  expect(eventsOf([...cut, `[2026-11-22 08:15:00Z INFO JobRunner] Finalize job.`])).toMatchObject([
    { kind: 'job', message: { timeline: JOB.timeline, github: {} } },
    { kind: 'finalize', second: second + 1 },
  ]);
});

test('a parser goes on from its state as if it had not been stopped', () => {
  const lines = bytes(workerLog());
  const whole = eventsOf(workerLog());
  fc.assert(
    fc.property(fc.array(fc.nat(lines.length), { maxLength: 4 }), (stops) => {
      let parser = new WorkerLogParser();
      const events = lines.flatMap((line, i) => {
        if (stops.includes(i))
          parser = WorkerLogParser.restored(
            JSON.parse(JSON.stringify(parser.state())) as ReturnType<typeof parser.state>,
          );
        return parser.line(line);
      });
      expect(events).toEqual(whole);
    }),
    { numRuns: 50 },
  );
});

test('any lines, torn, masked or mixed, give at most one job, and never another one', () => {
  const lines = workerLog();
  const line = fc.oneof(
    fc.constantFrom(...lines),
    fc.constantFrom(...lines).map((text) => text.replace(/"[^"]*"/, '***')),
    fc.constantFrom(...lines).map((text) => text.slice(0, text.length >> 1)),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), (mixed) => {
      const jobs = eventsOf(mixed).filter((event) => event.kind === 'job');
      expect(jobs.length).toBeLessThan(2);
      for (const { message } of jobs) if (message !== undefined) expect(message.timeline).toBe(JOB.timeline);
    }),
  );
});
