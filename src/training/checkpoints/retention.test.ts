import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Saved, sweep } from './retention.ts';

const hour = 3600;

/** What is left after saving one checkpoint after another, at these times. */
function afterSaving(times: readonly number[], keepMax: number, keepEveryNHours: number): Saved[] {
  let there: readonly Saved[] = [];
  let preserved = (times[0] ?? 0) - 1;
  times.forEach((time, step) => {
    const swept = sweep([...there, { step, time }], { keepMax, keepEveryNHours }, step, preserved);
    expect([...swept.kept, ...swept.removed].length).toBe(there.length + 1);
    ({ kept: there, preserved } = swept);
  });
  return [...there];
}

const growing = fc
  .array(fc.integer({ min: 1, max: 3 * hour }), { minLength: 1, maxLength: 40 })
  .map((gaps) => gaps.map((_, i) => gaps.slice(0, i + 1).reduce((a, b) => a + b)));

describe('retention', () => {
  it('keeps all, or the newest', () => {
    const law = fc.property(growing, fc.integer({ min: 1, max: 8 }), (times, keepMax) => {
      const steps = times.map((_, step) => step);
      expect(afterSaving(times, 0, 1).map(({ step }) => step)).toEqual(steps);
      expect(afterSaving(times, keepMax, 0).map(({ step }) => step)).toEqual(steps.slice(-keepMax));
    });
    fc.assert(law);
  });

  it('keeps of the older ones the first that comes so many hours after the last one kept', () => {
    const law = fc.property(
      growing,
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 6 }),
      (times, keepMax, hours) => {
        let last = times[0]! - 1;
        const expected = times.flatMap((time, step) => {
          if (step >= times.length - keepMax) return [step];
          if (time - hours * hour < last) return [];
          last = time;
          return [step];
        });
        expect(afterSaving(times, keepMax, hours).map(({ step }) => step)).toEqual(expected);
      },
    );
    fc.assert(law);
  });

  it('never removes what was saved just now, even below older steps', () => {
    const saved = [1, 2, 3].map((step) => ({ step, time: step }));
    const swept = sweep(saved, { keepMax: 2, keepEveryNHours: 0 }, 1, 0);
    expect(swept.kept.map(({ step }) => step)).toEqual([1, 3]);
  });
});
