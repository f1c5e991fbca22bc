import fc from 'fast-check';
import { expect, it } from 'vitest';
import { UsageError } from '../../core/errors.ts';
import { type JsonValue, parseExactJson, toExactJson } from './exact-json.ts';

const { values } = fc.letrec<{ values: JsonValue }>((tie) => ({
  values: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('values'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('$number', '$$number', '$', '__proto__', '7')),
      tie('values'),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  ),
}));

it('gives everything back, numbers bit for bit', () => {
  const law = fc.property(values, (value) => {
    expect(parseExactJson(toExactJson(value, 'a'))).toStrictEqual(value); // tells 0 from -0
  });
  fc.assert(law);
});

it('gives sums in double precision back', () => {
  const law = fc.property(fc.float64Array(), (sums) => {
    const back = Float64Array.from(parseExactJson(toExactJson([...sums], 'a')) as number[]);
    expect(back).toEqual(sums);
    expect(back.every((sum, i) => Object.is(sum, sums[i]))).toBe(true);
  });
  fc.assert(law);
});

it('is JSON that others can read', () => {
  expect(toExactJson({ $a: [1, Number.NaN, -0], b: null }, 'a')).toBe(
    '{"$$a":[1,{"$number":"NaN"},{"$number":"-0"}],"b":null}',
  );
});

it('says what is no plain JSON, and where', () => {
  const refused: [value: unknown, message: string][] = [
    [{ sums: [1, new Float64Array(1)] }, 'state.sums[1]: must be plain JSON, got a Float64Array'],
    [{ at: new Date(0) }, 'state.at: must be plain JSON, got a Date'],
    [[undefined], 'state[0]: must be plain JSON, got a value of type undefined'],
    [{ count: 1n }, 'state.count: must be plain JSON, got a value of type bigint'],
  ];
  for (const [value, message] of refused) {
    expect(() => toExactJson(value as JsonValue, 'state')).toThrow(new UsageError(message));
  }
  const ring: unknown[] = [];
  ring.push(ring);
  expect(() => toExactJson(ring as JsonValue, 'state')).toThrow('is nested too deeply, or holds itself');
});
