import { expect, test } from 'vitest';
import { QuotaForecast } from '../../relay/runtime/quota-forecast.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MIB = 1_048_576;

function open(limits: { bytesMax: number; freeBytesMin: number }) {
  const clock = new FakeClock();
  const now = { fileBytes: 100 * MIB, freeBytes: 10_000 * MIB };
  const forecast = new QuotaForecast({
    clock,
    room: async () => now,
    limits: () => ({ ...limits, whenFull: 'block' }),
  });
  return { clock, now, forecast };
}

test('the time left is that of the room at the rate since it was last asked', async () => {
  const { clock, now, forecast } = open({ bytesMax: 1_000 * MIB, freeBytesMin: 0 });
  expect(await forecast.secondsLeft()).toBeUndefined();
  await clock.advance(1_800_000);
  now.fileBytes = 400 * MIB;
  expect(await forecast.secondsLeft()).toBe(3_600);
  await clock.advance(600_000);
  now.fileBytes = 700 * MIB;
  expect(await forecast.secondsLeft()).toBe(600);
  await clock.advance(600_000);
  now.fileBytes = 1_100 * MIB;
  expect(await forecast.secondsLeft()).toBe(0);
});

test('the guard of the disk counts where it is nearer, and without any limit of bytes', async () => {
  for (const bytesMax of [0, 100_000 * MIB]) {
    const { clock, now, forecast } = open({ bytesMax, freeBytesMin: 1_000 * MIB });
    await forecast.secondsLeft();
    await clock.advance(60_000);
    Object.assign(now, { fileBytes: 160 * MIB, freeBytes: 1_120 * MIB });
    expect(await forecast.secondsLeft()).toBe(120);
  }
});

test('a journal that does not grow has no end to tell', async () => {
  const { clock, now, forecast } = open({ bytesMax: 1_000 * MIB, freeBytesMin: 0 });
  await forecast.secondsLeft();
  await clock.advance(60_000);
  now.fileBytes -= MIB;
  expect(await forecast.secondsLeft()).toBeUndefined();
});
