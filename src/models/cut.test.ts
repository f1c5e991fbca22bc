import { describe, expect, test } from 'vitest';
import * as layers from '../layers/layers.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { model as functional } from './functional.ts';
import type { Model } from './model.ts';

/**
 * x → low → mid → drop → high → joined → head
 *       └──────→ side ───────────┘
 */
function branched(): Model {
  const x = layers.input({ name: 'x', shape: [4] });
  const dense = (name: string, input: SymbolicTensor) => layers.dense({ name, units: 4 }).apply(input);
  const low = dense('low', x);
  const mid = dense('mid', low);
  const high = dense('high', layers.dropout({ name: 'drop', rate: 0.5 }).apply(mid));
  const joined = layers.concatenate({ name: 'joined' }).apply([high, dense('side', low)]);
  return functional({ inputs: x, outputs: dense('head', joined) });
}

const all = ['low', 'mid', 'side', 'high', 'head'];
const namesOf = (tensors: Iterable<SymbolicTensor>) => [...tensors].map(({ layer }) => layer.name).sort();

describe('where training begins, with these layers trainable:', () => {
  test.each([
    { trainable: all, frontier: ['x'], tail: ['drop', 'head', 'high', 'joined', 'low', 'mid', 'side'] },
    { trainable: ['head'], frontier: ['mid', 'side'], tail: ['drop', 'head', 'high', 'joined'] },
    {
      trainable: ['side', 'head'],
      frontier: ['low', 'mid'],
      tail: ['drop', 'head', 'high', 'joined', 'side'],
    },
    { trainable: ['mid'], frontier: ['low', 'side'], tail: ['drop', 'head', 'high', 'joined', 'mid'] },
    { trainable: ['low'], frontier: ['x'], tail: ['drop', 'head', 'high', 'joined', 'low', 'mid', 'side'] },
    // What is random differs from step to step, trained or not.
    { trainable: [], frontier: ['mid', 'side'], tail: ['drop', 'head', 'high', 'joined'] },
  ])('$trainable', ({ trainable, frontier, tail }) => {
    const model = branched();
    for (const layer of model.layers) layer.trainable = trainable.includes(layer.name);
    expect(namesOf(model.cut.frontier)).toEqual(frontier);
    expect(namesOf(model.cut.tail)).toEqual(tail);
  });

  test('none, and nothing random: the whole is the trunk', () => {
    const x = layers.input({ name: 'x', shape: [4] });
    const outputs = layers.dense({ name: 'head', units: 2, trainable: false }).apply(x);
    const { frontier, tail } = functional({ inputs: x, outputs }).cut;
    expect(namesOf(frontier)).toEqual(['head']);
    expect(tail.size).toBe(0);
  });

  test('one whose weights training never changes: no tail', () => {
    const x = layers.input({ shape: [4] });
    const outputs = layers.normalization().apply(x);
    expect(functional({ inputs: x, outputs }).cut.tail.size).toBe(0);
  });
});

test('the input is handed on where the tail takes it beside features', () => {
  const x = layers.input({ name: 'x', shape: [4] });
  const frozen = layers.dense({ name: 'frozen', units: 4, trainable: false }).apply(x);
  const outputs = layers
    .dense({ name: 'head', units: 2 })
    .apply(layers.concatenate({ name: 'both' }).apply([x, frozen]));
  const model = functional({ inputs: x, outputs });
  // The concatenation itself depends on nothing that is trained.
  expect(namesOf(model.cut.frontier)).toEqual(['both']);
  const mixed = layers.concatenate().apply([x, layers.dense({ name: 'trained', units: 1 }).apply(frozen)]);
  expect(namesOf(functional({ inputs: x, outputs: mixed }).cut.frontier)).toEqual(['frozen', 'x']);
});

describe('the cut', () => {
  const x = () => layers.input({ name: 'x', shape: [4] });
  const dense = (name: string, trainable: boolean) => layers.dense({ name, units: 4, trainable });
  const cutOf = (input: SymbolicTensor, outputs: SymbolicTensor) => {
    const { frontier, tail, weights } = functional({ inputs: input, outputs }).cut;
    return {
      frontier: namesOf(frontier),
      tail: namesOf(tail),
      weights: [...weights].map(({ path }) => path),
    };
  };

  test('is below the first call of a layer that trains, wherever it is called again', () => {
    const [input, shared] = [x(), dense('shared', true)];
    const between = dense('between', false).apply(shared.apply(dense('low', false).apply(input)));
    expect(cutOf(input, shared.apply(between))).toEqual({
      frontier: ['low'],
      tail: ['between', 'shared', 'shared'],
      weights: ['shared/kernel', 'shared/bias'],
    });
  });

  test('is above both calls of one that is frozen', () => {
    const [input, shared] = [x(), dense('shared', false)];
    const twice = shared.apply(shared.apply(input));
    expect(cutOf(input, dense('top', true).apply(twice))).toMatchObject({
      frontier: ['shared'],
      tail: ['top'],
    });
  });

  test('runs through a model that is partly frozen, at each of its calls', () => {
    const bottom = layers.input({ name: 'bottom', shape: [4] });
    const inside = dense('high', true).apply(dense('low', false).apply(bottom));
    const base = functional({ name: 'base', inputs: bottom, outputs: inside });
    const input = x();
    const net = functional({ inputs: input, outputs: base.apply(base.apply(input)) });
    expect(namesOf(net.cut.frontier)).toEqual(['low']);
    expect(namesOf(net.cut.tail)).toEqual(['high', 'high', 'low']);
    base.getLayer('high').trainable = false;
    expect(net.cut.tail.size).toBe(0);
  });

  test('is below what changes without gradients, unless it is frozen or applied in inference', () => {
    const norm = (trainable: boolean, training?: boolean) => {
      const input = x();
      const layer = layers.batchNormalization({ name: 'bn', trainable });
      const y = layer.apply(input, training === undefined ? {} : { training });
      return cutOf(input, dense('top', true).apply(y));
    };
    const statistics = ['bn/moving_mean', 'bn/moving_variance'];
    const affine = ['bn/gamma', 'bn/beta'];
    const top = ['top/kernel', 'top/bias'];
    expect(norm(true)).toEqual({
      frontier: ['x'],
      tail: ['bn', 'top'],
      weights: [...affine, ...statistics, ...top],
    });
    expect(norm(false)).toEqual({ frontier: ['bn'], tail: ['top'], weights: top });
    expect(norm(true, false)).toEqual({ frontier: ['x'], tail: ['bn', 'top'], weights: [...affine, ...top] });
  });

  test('is above what is random where that is applied in inference', () => {
    const input = x();
    const dropped = layers.dropout({ name: 'drop', rate: 0.5 }).apply(input, { training: false });
    expect(cutOf(input, dense('top', true).apply(dropped))).toMatchObject({
      frontier: ['drop'],
      tail: ['top'],
    });
  });

  test('is below what adds to the loss, frozen or not', () => {
    const input = x();
    const penalised = layers
      .dense({ name: 'penalised', units: 4, trainable: false, activityRegularizer: 'l2' })
      .apply(dense('low', false).apply(input));
    expect(cutOf(input, dense('top', true).apply(penalised))).toEqual({
      frontier: ['low'],
      tail: ['penalised', 'top'],
      weights: ['top/kernel', 'top/bias'],
    });
  });
});
