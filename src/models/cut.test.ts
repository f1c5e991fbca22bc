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
