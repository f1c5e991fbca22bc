/** What the types of layers and models allow and refuse: checked by the compiler, never run. See types.test.ts. */
import { expectTypeOf } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Dataset } from '../../src/data/dataset.ts';
import type { Value } from '../../src/graph/value.ts';
import * as layers from '../../src/public/layers.ts';
import {
  cloneModel,
  Functional,
  loadModel,
  type Model,
  model,
  modelFromJSON,
  type Sequential,
  sequential,
  toMermaid,
} from '../../src/public/models.ts';
import { adam } from '../../src/public/optimizers.ts';
import type { Batch } from '../../src/public/training.ts';

export function options(): void {
  expectTypeOf(layers.dense({ units: 4 }).options.units).toEqualTypeOf<number>();
  expectTypeOf(layers.dense({ units: 4 }).options.useBias).toEqualTypeOf<boolean>();
  expectTypeOf(layers.conv2d({ filters: 1, kernelSize: 3 }).options.kernelSize).toEqualTypeOf<
    readonly [number, number]
  >();
  layers.dense({ units: 4, name: undefined, kernelInitializer: 'heNormal', activation: (x: Value) => x });
  layers.conv2d({ filters: 1, kernelSize: [3, 5], padding: 'same', kernelRegularizer: 'l2' });
  // @ts-expect-error units are missing
  layers.dense({});
  // @ts-expect-error a number
  layers.dense({ units: '4' });
  // @ts-expect-error no option of a dense layer
  layers.dense({ units: 4, filters: 1 });
  // @ts-expect-error no such initializer
  layers.dense({ units: 4, kernelInitializer: 'heNormall' });
  // @ts-expect-error no such padding
  layers.conv2d({ filters: 1, kernelSize: 3, padding: 'full' });
  // @ts-expect-error three sizes
  layers.conv2d({ filters: 1, kernelSize: [3, 3, 3] });
}

export function layersOfOnesOwn(): void {
  const { count, flag, optional, required } = layers.options;
  const table = { units: required(count), scaled: optional(flag, true), times: optional(count) };
  type Config = layers.options.ConfigOf<typeof table>;
  expectTypeOf<Config>().toExtend<{ units: number; scaled?: boolean | undefined }>();
  class Own extends layers.Layer<typeof table> {
    static override readonly className: string = 'Own';
    static override readonly options = table;

    override call([x]: readonly [Value]): Value {
      expectTypeOf(this.options.units).toEqualTypeOf<number>();
      expectTypeOf(this.options.scaled).toEqualTypeOf<boolean>();
      expectTypeOf(this.options.times).toEqualTypeOf<number | undefined>();
      // @ts-expect-error no such option
      void this.options.unit;
      return x;
    }
  }
  new Own({ units: 1, trainable: false });
  // @ts-expect-error units are missing
  new Own({ scaled: true });
}

export async function models(data: Dataset<Batch>): Promise<void> {
  const x = layers.input({ shape: [4, null], dtype: 'uint8' });
  expectTypeOf(x).toEqualTypeOf<layers.SymbolicTensor>();
  const y = layers.flatten().apply(x);
  const net = model({ inputs: [x], outputs: y }, { threads: 2 });
  expectTypeOf(net).toEqualTypeOf<Functional>();
  expectTypeOf(net.outputs).toEqualTypeOf<readonly layers.SymbolicTensor[]>();
  expectTypeOf(net.output).toEqualTypeOf<layers.SymbolicTensor>();
  expectTypeOf(net.apply(x)).toEqualTypeOf<layers.SymbolicTensor>();
  expectTypeOf(cloneModel(net)).toEqualTypeOf<Functional>();
  expectTypeOf(cloneModel(sequential())).toEqualTypeOf<Sequential>();
  expectTypeOf(modelFromJSON({})).toEqualTypeOf<Model>();
  expectTypeOf(loadModel('net', { threads: 1 })).toEqualTypeOf<Promise<Model>>();
  expectTypeOf(net.predict(data)).toEqualTypeOf<Promise<Tensor<'float32'>>>();
  expectTypeOf(net.predictAll(data)).toEqualTypeOf<Promise<Tensor[]>>();
  expectTypeOf(toMermaid(net, { shapes: false })).toEqualTypeOf<string>();
  net.summary({ expandNested: true, showTrainable: true, lineLength: 100 });
  sequential({ layers: [x, layers.flatten(), layers.dense({ units: 2 })] });
  net.compile({ optimizer: adam(), loss: 'categoricalCrossentropy', metrics: ['accuracy'], resume: true });
  await net.loadWeights('weights', { by: 'order', skipMismatch: true });
  await net.save('net', { overwrite: true, includeOptimizer: false });
  // @ts-expect-error a layer is no tensor
  model({ inputs: x, outputs: layers.flatten() });
  // @ts-expect-error outputs are missing
  model({ inputs: x });
  // @ts-expect-error no such option
  new Functional({ inputs: x, outputs: y, layers: [] });
  // @ts-expect-error an abstract class
  new (await import('../../src/public/models.ts')).Model({}, {});
  // @ts-expect-error no option of computing
  model({ inputs: x, outputs: y }, { thread: 2 });
  // @ts-expect-error no such order
  await net.loadWeights('weights', { by: 'place' });
  // @ts-expect-error no such option
  net.summary({ expand: true });
  // @ts-expect-error no number is a loss
  net.compile({ optimizer: adam(), loss: 3 });
  // @ts-expect-error what is predicted cannot be set
  net.outputs = [];
  // @ts-expect-error a layer stands in a stack, not on numbers
  sequential({ layers: [4] });
}
