import { afterEach, beforeEach, expect, test } from 'vitest';
import { AdminHarness } from '../support/admin-harness.ts';

const CONFIG = {
  inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
  endpoints: { e: { type: 'memory' }, other: { type: 'memory' } },
};

interface Replay {
  readonly id: number;
  readonly state: string;
  readonly sent: number;
  readonly refused: number;
  readonly trouble: string | null;
}

let admin: AdminHarness;

beforeEach(async () => {
  admin = await AdminHarness.start(CONFIG);
  await admin.relay.send('a', 'one', 'two', 'refuse me', 'three');
  await expect.poll(() => admin.relay.memory.at('e').messages.length).toBe(4);
});
afterEach(() => admin[Symbol.asyncDispose]());

async function start(body: object, name = 'e'): Promise<{ status: number; replay: Replay }> {
  const token = admin.tokens.get('operator');
  const path = `/api/v1/endpoints/${name}/replay`;
  const answer = await admin.ask({ method: 'POST', path, token, body: JSON.stringify(body) });
  return { status: answer.status, replay: JSON.parse(answer.body) as Replay };
}

async function replayed(id: number): Promise<Replay> {
  const { body } = await admin.ask({ path: '/api/v1/replays', token: admin.tokens.get('viewer') });
  return (JSON.parse(body) as { replays: Replay[] }).replays.find((one) => one.id === id)!;
}

test('what matches is sent once more, in order, with the ids that it had, to that endpoint alone', async () => {
  const before = [...admin.relay.memory.at('e').lines];
  const { status, replay } = await start({ q: 'one OR three' });

  expect(status).toBe(202);
  await expect.poll(() => replayed(replay.id)).toMatchObject({ state: 'done', sent: 2, refused: 0 });
  expect(
    admin.relay.memory
      .at('e')
      .lines.slice(4)
      .filter((line) => !line.includes('spillway.')),
  ).toEqual([before[0], before[3]]);
  expect(admin.relay.memory.at('other').messages.filter((message) => message === 'one')).toHaveLength(1);
});

test('a record that is refused for good is left out, and the others go', async () => {
  admin.relay.memory.at('e').behaviour = 'refuse';
  const { replay } = await start({ q: 'dataset:syslog' });
  await expect.poll(() => replayed(replay.id)).toMatchObject({ state: 'done', sent: 3, refused: 1 });
});

test('it waits while the endpoint is away, says why, and stops when told', async () => {
  admin.relay.memory.at('e').behaviour = 'fail';
  const { replay } = await start({});
  await expect.poll(() => replayed(replay.id)).toMatchObject({ state: 'running', trouble: 'nobody answers' });
  expect((await start({})).status, 'one to an endpoint at a time').toBe(409);

  const path = `/api/v1/replays/${replay.id}/stop`;
  const stop = () => admin.ask({ method: 'POST', path, token: admin.tokens.get('operator') });
  expect((await stop()).status).toBe(200);
  await expect.poll(() => replayed(replay.id)).toMatchObject({ state: 'stopped' });
  expect((await stop()).status).toBe(404);
});

test.each([
  [{ q: '(' }, 400],
  [{ from: 'yesterday' }, 400],
  [{ records_per_s: -1 }, 400],
  [{ more: 1 }, 400],
])('%j is refused with a reason', async (body, status) => {
  const answer = await start(body);
  expect(answer.status).toBe(status);
  expect(JSON.stringify(answer.replay)).toContain('message');
});

test('an endpoint that there is not is told', async () => {
  expect((await start({}, 'nobody')).status).toBe(404);
});
