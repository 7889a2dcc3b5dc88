import { expect, test } from 'vitest';
import { AlertBoard, type Condition } from '../../relay/alerts/board.ts';
import type { AlertKind } from '../../relay/alerts/options.ts';
import { FakeClock } from '../support/fake-clock.ts';

const down: Condition = { subject: 'siem', severity: 'critical', message: 'endpoint siem is down' };

function harness(off: readonly AlertKind[] = []) {
  const clock = new FakeClock();
  const told: string[] = [];
  const board = new AlertBoard({
    clock,
    reminderIntervalMs: 600_000,
    off,
    tell: ({ id }, phase) => told.push(`${phase} ${id}`),
  });
  return { clock, board, told };
}

test('what holds for a while is told once when it begins and once when it has ended', () => {
  const { board, told } = harness();
  board.hold('endpoint_down', [down]);
  board.hold('endpoint_down', [{ ...down, message: 'another reason' }]);
  expect(board.active).toMatchObject([{ id: 'endpoint_down/siem', message: 'another reason' }]);
  board.hold('endpoint_down', []);
  board.hold('endpoint_down', []);
  expect(told).toEqual(['began endpoint_down/siem', 'ended endpoint_down/siem']);
  expect(board.active).toEqual([]);
});

test('what goes on is told again after the reminder’s interval, and no oftener', async () => {
  const { clock, board, told } = harness();
  board.hold('endpoint_down', [down]);
  await clock.advance(599_000);
  expect(told).toHaveLength(1);
  await clock.advance(61_000);
  expect(told).toEqual(['began endpoint_down/siem', 'goes_on endpoint_down/siem']);
  await clock.advance(480_000);
  expect(told).toHaveLength(2);
});

test('one kind that has ended says nothing of another', () => {
  const { board, told } = harness();
  board.hold('endpoint_down', [down, { ...down, subject: 'archive' }]);
  board.hold('quota_near', [{ ...down, subject: '' }]);
  board.hold('endpoint_down', [down]);
  expect(told.slice(3)).toEqual(['ended endpoint_down/archive']);
  expect(board.active.map(({ id }) => id)).toEqual(['endpoint_down/siem', 'quota_near/']);
});

test('what happened once is shown until somebody has seen it, or for a day', async () => {
  const { clock, board, told } = harness();
  board.happened('purge_failed', { ...down, subject: '7' });
  board.happened('purge_failed', { ...down, subject: '8' });
  expect(board.acknowledge('purge_failed/7')).toBe(true);
  expect(board.acknowledge('purge_failed/7')).toBe(false);
  board.hold('purge_failed', []);
  expect(board.active.map(({ id }) => id)).toEqual(['purge_failed/8']);
  await clock.advance(86_400_000 + 60_001);
  expect(board.active).toEqual([]);
  expect(told).toEqual(['began purge_failed/7', 'began purge_failed/8']);
});

test('what goes on cannot be put away', () => {
  const { board } = harness();
  board.hold('endpoint_down', [down]);
  expect(board.acknowledge('endpoint_down/siem')).toBe(false);
  expect(board.acknowledge('no such alert')).toBe(false);
});

test('kinds that nobody wants are not told, also when that is said later', () => {
  const { board, told } = harness(['endpoint_down']);
  board.hold('endpoint_down', [down]);
  board.hold('quota_near', [{ ...down, subject: '' }]);
  board.configure({ off: ['quota_near'], reminderIntervalMs: 600_000 });
  expect(board.active).toEqual([]);
  expect(told).toEqual(['began quota_near/']);
});

test('a thousand alerts are kept, and no more', () => {
  const { board, told } = harness();
  board.hold(
    'certificate_ending',
    Array.from({ length: 1_100 }, (_, at) => ({ ...down, subject: `file ${at}` })),
  );
  expect(board.active).toHaveLength(1_000);
  expect(told).toHaveLength(1_100);
});
