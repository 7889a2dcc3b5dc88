import { expect, test } from 'vitest';
import { Progress } from '../../relay/cli/progress.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { FakeClock } from '../support/fake-clock.ts';

function stage(isTerminal = true) {
  const cli = new CliHarness('/');
  const clock = new FakeClock();
  const context = { ...cli.context, clock, stderr: { ...cli.context.stderr, isTerminal } };
  return { cli, clock, context };
}

test('work that takes longer than a second has a bar, drawn five times a second at most, and wiped at the end', async () => {
  const { cli, clock, context } = stage();
  const progress = new Progress(context, 'records', 1_000);
  await clock.advance(999);
  progress.at(100);
  expect(cli.stderr).toBe('');
  await clock.advance(1_001);
  progress.at(500, 'half of it');
  progress.at(510);
  expect(cli.stderr).toBe(`\r${'█'.repeat(12)}${'░'.repeat(12)}  50 %  250 records/s  half of it\u001b[K`);
  progress.end();
  expect(cli.stderr.endsWith('\r\u001b[K')).toBe(true);
});

test('short work, and work whose errors go to a file, has none', async () => {
  for (const { isTerminal, tookMs } of [
    { isTerminal: true, tookMs: 900 },
    { isTerminal: false, tookMs: 9_000 },
  ]) {
    const { cli, clock, context } = stage(isTerminal);
    const progress = new Progress(context, 'records', 10);
    await clock.advance(tookMs);
    progress.at(5);
    progress.end();
    expect(cli.stderr).toBe('');
  }
});

test('what has no speed that says something tells none, and more than all is all', async () => {
  const { cli, clock, context } = stage();
  const progress = new Progress(context, undefined, 10);
  await clock.advance(2_000);
  progress.at(11, 'nearly there');
  expect(cli.stderr).toBe(`\r${'█'.repeat(24)} 100 %  nearly there\u001b[K`);
});
