import { expect, test } from 'vitest';
import { Permits, TunedLimit } from './limits.ts';

/** Plays a consumer that waits for what a step of `limit` calls, `call` ms each, cannot give in `use` ms. */
function play(limit: TunedLimit, clock: { now: number }, call: number, use: number, elements: number): void {
  for (let i = 0; i < elements; i++) {
    const waited = Math.max(0, call / limit.value - use);
    clock.now += use + waited;
    limit.waited(waited);
  }
}

test('a limit grows while that helps, and no further', () => {
  const clock = { now: 0 };
  const limit = new TunedLimit(64, () => clock.now);
  play(limit, clock, 16, 1, 2000);
  expect(limit.value).toBeGreaterThanOrEqual(15);
  expect(limit.value).toBeLessThanOrEqual(32);
});

test('a limit shrinks while nobody waits', () => {
  const clock = { now: 0 };
  const limit = new TunedLimit(64, () => clock.now);
  play(limit, clock, 64, 0, 2000);
  expect(limit.value).toBe(64);
  play(limit, clock, 1, 5, 20_000);
  expect(limit.value).toBe(1);
});

test('a limit goes back where growing does not help', () => {
  const clock = { now: 0 };
  const limit = new TunedLimit(64, () => clock.now);
  const most: number[] = [];
  for (let i = 0; i < 2000; i++) {
    clock.now += 10;
    limit.waited(10); // it takes as long, however many run
    most.push(limit.value);
  }
  expect(Math.max(...most)).toBeLessThanOrEqual(4);
  expect(most.filter((value) => value === 2).length).toBeGreaterThan(1000);
});

test('permits let no more run than the limit, and the others follow, failures included', async () => {
  const permits = new Permits({ value: 2, waited: () => {} });
  let [running, most] = [0, 0];
  const work = async (i: number): Promise<number> => {
    most = Math.max(most, ++running);
    await undefined;
    running--;
    if (i === 1) throw new Error('one');
    return i;
  };
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map(async (i) => permits.run(() => work(i))));
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
  expect(most).toBe(2);
  expect(() =>
    permits.run(() => {
      throw new Error('at once');
    }),
  ).toThrow('at once');
  expect(permits.run(() => 7)).toBe(7);
});
