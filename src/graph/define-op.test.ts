import { describe, expect, test } from 'vitest';
import { ShapeError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { defineOp } from './define-op.ts';
import { constant, constantTensor, input, inputName, isConstant, isInput } from './leaves.ts';
import { topologicalOrder } from './value.ts';

const twice = defineOp({ opType: 'Twice', inputs: ['x'], infer: ([x]) => x });
const scaled = defineOp<['x', 'bias?'], { by?: number }>({
  opType: 'Scaled',
  inputs: ['x', 'bias?'],
  infer: ([x]) => x,
});
const joined = defineOp<['...values'], { axis: number }>({
  opType: 'Joined',
  inputs: ['...values'],
  infer: ([first], { axis }) => ({ shape: [axis], dtype: first!.dtype }),
});
const x = input('x', ['batch', 4]);

describe('an operator', () => {
  test('is called with its inputs, then its attributes, and infers at once', () => {
    const y = scaled(x, x, { by: 2 });
    expect([y.op, y.inputs, y.attributes]).toEqual([scaled.op, [x, x], { by: 2 }]);
    expect(String(y)).toBe('float32[batch, 4]');
    expect(y.rank).toBe(2);
  });

  test('takes optional inputs and attributes that are left out', () => {
    expect(scaled(x, undefined).inputs).toEqual([x, undefined]);
    expect(scaled(x, undefined, { by: 3 }).attributes).toEqual({ by: 3 });
    expect(scaled(x, undefined).attributes).toEqual({});
  });

  test('takes any number of inputs where it says so', () => {
    expect(joined(x, x, x, { axis: 7 }).inputs).toEqual([x, x, x]);
    expect(joined(x, { axis: 7 }).shape).toEqual([7]);
  });

  test('is asked for its ONNX form, which is its name alone unless it says more', () => {
    expect(twice.op.onnx([x], {})).toEqual({});
    expect([twice.op.opType, twice.op.elementwise, twice.op.grad]).toEqual(['Twice', false, []]);
  });

  test.each<[string, () => unknown, string]>([
    [
      'no input',
      () => twice(undefined as never),
      "Twice: input 'x' must be a value of a graph, got undefined",
    ],
    [
      'a number among inputs',
      () => joined(x, 5 as never, { axis: 0 }),
      "input '...values' must be a value of a graph, got 5",
    ],
    ['a number for the optional one', () => scaled(undefined as never, x), "Scaled: input 'x'"],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });
});

describe('leaves', () => {
  test('are inputs, float32 unless said otherwise, and constants, scalars where a number is given', () => {
    expect([isInput(x), isConstant(x), inputName(x), x.dtype]).toEqual([true, false, 'x', 'float32']);
    expect(input('labels', ['batch'], 'int64').dtype).toBe('int64');
    const half = constant(0.5);
    expect([isInput(half), isConstant(half), half.shape]).toEqual([false, true, []]);
    const table = floats([1, 2, 3]);
    expect(constantTensor(constant(table, 'table'))).toBe(table);
  });
});

test('the topological order holds each value once, after what it is computed from, and nothing else', () => {
  const a = twice(x);
  const b = joined(a, x, a, { axis: 3 });
  twice(b);
  const optional = scaled(b, undefined);
  expect(topologicalOrder([optional, a])).toEqual([x, a, b, optional]);
});
