import { expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import type { Value } from '../graph/value.ts';
import { Layer } from '../layers/layer.ts';
import * as layers from '../layers/layers.ts';
import { mul } from '../ops/elementwise.ts';
import { cloneModel, sameLayer } from './clone.ts';
import { model } from './functional.ts';
import { Sequential } from './sequential.ts';

/** Known to no registry. */
class Square extends Layer {
  static override readonly className: string = 'Square';

  call([x]: readonly [Value]): Value {
    return mul(x, x);
  }
}

function network() {
  const inner = layers.input({ name: 'in', shape: [4] });
  const shared = layers.dense({ name: 'shared', units: 4 });
  const base = model({
    name: 'base',
    inputs: inner,
    outputs: [shared.apply(inner), new Square({ name: 'sq' }).apply(inner)],
  });
  const stack = new Sequential({
    name: 'stack',
    layers: [shared, layers.dropout({ name: 'drop', rate: 0.5 })],
  });
  const x = layers.input({ name: 'x', shape: [4] });
  const [y, z] = base.applyAll(x) as [typeof x, typeof x];
  const joined = layers
    .concatenate({ name: 'both' })
    .apply([stack.apply(y, { training: false }), shared.apply(z)]);
  return model({
    name: 'net',
    inputs: x,
    outputs: [layers.dense({ name: 'top', units: 2 }).apply(joined), joined],
  });
}

test('a clone is the same, of layers and weights of its own', () => {
  const net = network();
  net.getLayer('base').trainable = false;
  net.getLayer('top').trainable = false;
  net.initialize();
  const clone = cloneModel(net, { threads: 1 });
  const options = { expandNested: true, showTrainable: true };
  expect(clone.summary(options)).toBe(net.summary(options));
  expect([...clone.network.weightNames.values()]).toEqual([...net.network.weightNames.values()]);
  expect(clone.weights.map(({ value }) => value)).toEqual([undefined, undefined, undefined, undefined]);
  expect(clone.trainableWeights).toHaveLength(net.trainableWeights.length);
  // Of the same seed, the same numbers.
  clone.initialize();
  expect(clone.getWeights()).toEqual(net.getWeights());
  const own = new Set([...net.network.paths.keys()]);
  expect([...clone.network.paths.keys()].some((layer) => own.has(layer))).toBe(false);
});

test('a stack that knows no shapes is cloned as it is', () => {
  const open = new Sequential({ name: 's', layers: [layers.dense({ name: 'd', units: 2 })] });
  const clone = cloneModel(open);
  expect(clone).toBeInstanceOf(Sequential);
  expect(clone.isBuilt).toBe(false);
  expect(clone.layers[0]).not.toBe(open.layers[0]);
});

test('a function of one’s own makes the layers, each once', () => {
  const asked: string[] = [];
  const clone = cloneModel(network(), {
    cloneFunction: (layer) => {
      asked.push(layer.name);
      return layer.className === 'Dropout' ? new Square({ name: layer.name }) : sameLayer(layer);
    },
  });
  expect(asked.sort()).toEqual(['both', 'drop', 'shared', 'sq', 'top']);
  expect((clone.getLayer('stack') as Sequential).layers[1]).toBeInstanceOf(Square);
});

test('a function that gives no new layer is refused', () => {
  const clone = (cloneFunction: (layer: Layer) => Layer) => () => cloneModel(network(), { cloneFunction });
  expect(clone(() => undefined as never)).toThrow(UsageError);
  expect(clone(() => undefined as never)).toThrow(
    "cloneFunction must give a new layer for 'shared', got undefined",
  );
  expect(clone((layer) => layer)).toThrow('must give a new layer');
});
