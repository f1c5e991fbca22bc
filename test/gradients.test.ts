import { describe, expect, test } from 'vitest';
import { checkGradient, rulesChecked, rulesMet, rulesOf } from './support/check-gradient.ts';
import { useDevice } from './support/device.ts';
import { gradientRows } from './support/gradient-rows.ts';
import { exportedOperators } from './support/operators.ts';

describe('gradients equal numeric ones', () => {
  const device = useDevice();
  for (const each of gradientRows) test(each.name, () => checkGradient(each, device));
});

test('every gradient rule of every operator has a row', async () => {
  const exported = [...(await exportedOperators()).values()].flatMap(rulesOf);
  const known = new Set([...exported, ...gradientRows.flatMap(rulesMet)]);
  const checked = new Set(gradientRows.flatMap(rulesChecked));
  expect(known.size).toBeGreaterThan(40);
  expect([...known].filter((rule) => !checked.has(rule))).toEqual([]);
});
