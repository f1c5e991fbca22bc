import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, zeros } from '../core/tensor.ts';
import type { Value } from '../graph/value.ts';
import { Layer } from '../layers/layer.ts';
import * as layers from '../layers/layers.ts';
import { Functional, model } from './functional.ts';
import { Sequential } from './sequential.ts';

const x = (name = 'x', size = 4) => layers.input({ name, shape: [size] });
const dense = (name: string, units = 4) => layers.dense({ name, units });
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

describe('a model', () => {
  test('has lists of inputs and outputs, and the only one', () => {
    const [a, b] = [x('a'), x('b')];
    const sum = layers.concatenate({ name: 'both' }).apply([a, b]);
    const one = model({ inputs: [a, b], outputs: sum, name: 'one' });
    expect(one.inputs).toEqual([a, b]);
    expect(one.outputs).toEqual([sum]);
    expect(one.output).toBe(sum);
    expect(() => one.input).toThrow(UsageError);
    expect(() => one.input).toThrow("model 'one' has 2 inputs: take them from inputs, which is a list");
    const two = model({ inputs: [a, b], outputs: [sum, dense('d').apply(sum)], name: 'two' });
    expect(() => two.output).toThrow("model 'two' has 2 outputs");
  });

  test('has its layers and weights in Keras’ order, which is not that in which they were made', () => {
    const input = x();
    const late = dense('late').apply(input);
    const deep = dense('deep 2').apply(dense('deep 1').apply(input));
    const net = model({ inputs: input, outputs: layers.concatenate({ name: 'both' }).apply([late, deep]) });
    expect(names(net.layers)).toEqual(['x', 'deep 1', 'late', 'deep 2', 'both']);
    expect(net.getWeights.bind(net)).toThrow('has no value yet');
    net.initialize();
    const values = net.getWeights();
    expect(values).toHaveLength(6);
    net.setWeights(
      values
        .toReversed()
        .map(({ shape }) => zeros('float32', shape))
        .reverse(),
    );
    expect(net.getWeights().every(({ data }) => data.every((value) => value === 0))).toBe(true);
    expect(net.countParams()).toBe(3 * 20);
  });

  test('may have inputs that lead to no output, which come first of all that is as near', () => {
    const [unused, input] = [x('unused', 9), x()];
    const net = model({ inputs: [unused, input], outputs: dense('d').apply(input) });
    expect(names(net.layers)).toEqual(['x', 'unused', 'd']);
  });

  test('may begin within another, with inputs of its own', async () => {
    const input = x();
    const low = dense('low').apply(input);
    const high = dense('high').apply(low);
    const whole = model({ inputs: input, outputs: high }, { threads: 1 });
    const upper = model({ inputs: low, outputs: high }, { threads: 1 });
    expect(names(upper.layers).slice(1)).toEqual(['high']);
    expect(upper.input).not.toBe(low);
    whole.initialize(3);
    const between = await model({ inputs: input, outputs: low }, { threads: 1 }).predictOnBatch(
      floats([1, 2, 3, 4], [1, 4]),
    );
    expect(await upper.predictOnBatch(between)).toEqual(
      await whole.predictOnBatch(floats([1, 2, 3, 4], [1, 4])),
    );
  });

  test('may give one tensor twice, or an input as it is', async () => {
    const input = x();
    const y = dense('d', 2).apply(input);
    const net = model({ inputs: input, outputs: [y, y, input] }, { threads: 1 });
    const given = floats([1, 2, 3, 4], [1, 4]);
    const [first, second, third] = await net.predictAllOnBatch(given);
    expect(second).toEqual(first);
    expect(third).toEqual(given);
    await net.dispose();
  });

  test('counts a layer that is shared, or is in two of its models, once', () => {
    const shared = dense('shared');
    const stack = new Sequential({ layers: [x('in'), shared] });
    const input = x();
    const outputs = shared.apply(shared.apply(stack.apply(input)));
    const net = model({ inputs: input, outputs });
    expect(net.weights).toHaveLength(2);
    expect(net.countParams()).toBe(20);
  });

  test('takes tensors by place and by name', async () => {
    const [a, b] = [x('a', 2), x('b', 3)];
    const net = model({ inputs: [a, b], outputs: layers.concatenate().apply([a, b]) }, { threads: 1 });
    const fed = { a: floats([1, 2], [1, 2]), b: floats([3, 4, 5], [1, 3]) };
    const expected = floats([1, 2, 3, 4, 5], [1, 5]);
    expect(await net.predictOnBatch(fed)).toEqual(expected);
    expect(await net.predictOnBatch([fed.a, fed.b])).toEqual(expected);
    const cases: [unknown, string][] = [
      [[fed.a], 'the model has 2 inputs (a, b), and was given 1 tensors'],
      [fed.a, 'the model has 2 inputs (a, b), and was given 1 tensors'],
      [{ ...fed, c: fed.a }, "the model has no input 'c'; it has a, b"],
      [{ a: fed.a }, "the model’s input 'b' needs a tensor, got undefined"],
      [[fed.a, 3], "the model’s input 'b' needs a tensor, got 3"],
      [null, 'the model takes tensors for its inputs (a, b), got null'],
      [[fed.b, fed.a], "input 'a' takes [batch, 2], and was given [1, 3]"],
      [{ ...fed, b: zeros('float32', [2, 3]) }, "'a' has 1, 'b' has 2"],
      [{ ...fed, a: zeros('int64', [1, 2]) }, "input 'a' takes float32, and was given int64"],
    ];
    for (const [wrong, message] of cases)
      await expect(net.predictOnBatch(wrong as never)).rejects.toThrow(message);
    await net.dispose();
  });
});

describe('what makes no model is refused:', () => {
  test.each<[string, () => unknown, string]>([
    [
      'an output that comes from another input',
      () => model({ name: 'm', inputs: x(), outputs: dense('d').apply(x('other')) }),
      "model 'm': an output depends on 'other', which is not among the model's inputs (x)",
    ],
    [
      'tensors of two models',
      () => {
        const [a, b] = [x('a'), x('b')];
        const [one, other] = [
          model({ inputs: a, outputs: dense('d').apply(a) }),
          new Sequential({ layers: [b, dense('e')] }),
        ];
        const outputs = layers.concatenate().apply([one.output, other.output]);
        return model({ name: 'm', inputs: one.inputs, outputs });
      },
      "model 'm': an output depends on 'b'",
    ],
    [
      'an input in the middle that leaves another open',
      () => {
        const [a, b] = [x('a'), x('b')];
        const low = dense('low').apply(a);
        return model({ name: 'm', inputs: low, outputs: layers.concatenate().apply([low, b]) });
      },
      "model 'm': an output depends on 'b', which is not among the model's inputs (low)",
    ],
    [
      'an input that is given twice',
      () => {
        const input = x();
        return model({ name: 'm', inputs: [input, input], outputs: dense('d').apply(input) });
      },
      "model 'm': the input 'x' is given twice",
    ],
    [
      'two layers of one name',
      () => {
        const input = x();
        return model({ name: 'm', inputs: input, outputs: dense('same').apply(dense('same').apply(input)) });
      },
      "model 'm': two layers have the name 'same'; give one another name",
    ],
    [
      'no outputs',
      () => model({ name: 'm', inputs: x(), outputs: [] }),
      "model 'm': outputs must be outputs of layers",
    ],
    [
      'no inputs',
      () => model({ name: 'm', outputs: x() } as never),
      "model 'm': inputs must be outputs of layers",
    ],
    [
      'a layer as output',
      () => model({ inputs: x(), outputs: dense('d') as never }),
      'outputs must be outputs of layers',
    ],
    [
      'an option that there is not',
      () => model({ inputs: x(), outputs: x(), nam: 'm' } as never),
      "a functional model: there is no option 'nam'; there are name, trainable, inputs, outputs",
    ],
    [
      'an option of computing that there is not',
      () => {
        const input = x();
        return new Functional({ inputs: input, outputs: input, name: 'm' }, { thread: 2 } as never);
      },
      "model 'm': there is no option 'thread'; there are threads, featureLimit",
    ],
    [
      'a layer on what is no tensor',
      () => dense('d').apply(3 as never),
      "layer 'd': apply takes outputs of other layers",
    ],
    [
      'a layer on a layer',
      () => dense('d').apply(dense('e') as never),
      "layer 'd': apply takes outputs of other layers",
    ],
    [
      'a model on too few tensors',
      () => {
        const [a, b] = [x('a'), x('b')];
        return model({ name: 'm', inputs: [a, b], outputs: layers.concatenate().apply([a, b]) }).apply(x());
      },
      "layer 'm': Functional takes 2 inputs, got 1",
    ],
    [
      'a layer that there is not',
      () => {
        const input = x();
        return model({ name: 'm', inputs: input, outputs: dense('d').apply(input) }).getLayer('e');
      },
      "model 'm' has no layer 'e'; it has x, d",
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow(message);
  });

  test('two weights of one name', () => {
    class Twice extends Layer {
      static override readonly className: string = 'Twice';
      override build(): void {
        for (let i = 0; i < 2; i++) this.addWeight('w', [1]);
      }
      call([value]: readonly [Value]): Value {
        return value;
      }
    }
    const make = (name: string) => () => {
      const input = x();
      return model({ inputs: input, outputs: new Twice({ name }).apply(input) });
    };
    expect(make('t')).toThrow(UsageError);
    expect(make('t')).toThrow("layer 't': two weights have the name 't/w'");
  });

  test('a model on another shape or dtype', () => {
    const input = x();
    const net = model({ name: 'm', inputs: input, outputs: dense('d').apply(input) });
    expect(() => net.apply(x('wide', 5))).toThrow(ShapeError);
    expect(() => net.apply(x('wide', 5))).toThrow(
      "layer 'm' (Functional) on [batch, 5]: input 'x' takes float32[batch, 4]",
    );
    const bytes = layers.input({ shape: [4], dtype: 'uint8' });
    expect(() => net.apply(bytes)).toThrow("input 'x' takes float32[batch, 4], got uint8[batch, 4]");
  });

  test('weights of another number or shape', () => {
    const input = x();
    const net = model({ inputs: input, outputs: dense('d', 2).apply(input) });
    expect(() => net.setWeights([])).toThrow('needs 2 tensors (d/kernel, d/bias), got 0');
    const wrong = [zeros('float32', [2, 4]), zeros('float32', [2])];
    expect(() => net.setWeights(wrong)).toThrow("weight 'd/kernel' is float32[4, 2], got float32[2, 4]");
  });
});
