import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeSafetensors } from '../src/codecs/safetensors.ts';
import { UsageError } from '../src/core/errors.ts';
import type { Tensor } from '../src/core/tensor.ts';
import type { Value } from '../src/graph/value.ts';
import { type CallContext, Layer } from '../src/layers/layer.ts';
import * as layers from '../src/layers/layers.ts';
import type { SymbolicTensor } from '../src/layers/symbolic.ts';
import { model as functional } from '../src/models/functional.ts';
import type { Model } from '../src/models/model.ts';
import { type PortableOptions, toPortableOnnx } from '../src/models/portable.ts';
import { Sequential } from '../src/models/sequential.ts';
import { decodeModel } from '../src/onnx/decode.ts';
import { add, cast } from '../src/ops/elementwise.ts';
import { randomStream, uniform } from './support/random.ts';
import { pixels, smallClassifier, trainedClassifier } from './support/small-classifier.ts';

const classNames = ['CNV', 'DME', 'NORMAL'];
const options = { threads: 1 };
const bytesOf = (net: Model, given: PortableOptions = {}) => Buffer.concat(toPortableOnnx(net, given));
const graphOf = (net: Model, given: PortableOptions = {}) => decodeModel(bytesOf(net, given), 'model.onnx');

let classifier: Model;
beforeAll(async () => {
  classifier = await trainedClassifier();
});
afterAll(() => classifier.dispose());

describe('a portable ONNX file', () => {
  test('takes bytes of three channels, and has the notes, and half-precision weights as they are', () => {
    const names = { inputNames: ['images'], outputNames: ['probabilities'] };
    const { graph, metadata } = graphOf(classifier, {
      ...names,
      classNames,
      metadata: { resize: 'bilinear' },
    });
    expect(graph.inputs).toEqual([{ name: 'images', dtype: 'uint8', shape: ['batch', 17, 17, 3] }]);
    expect(graph.outputs).toEqual([{ name: 'probabilities', dtype: 'float32', shape: ['batch', 3] }]);
    expect(metadata).toEqual({ resize: 'bilinear', class_names: '["CNV","DME","NORMAL"]' });
    expect(graph.initializers!['low/kernel']).toEqual(classifier.getLayer('low').weights[0]!.value);
    expect(graph.initializers!['high/kernel']!.dtype).toBe('float32');
  });

  test('has inputs and outputs in the model’s order, by their layers’ names', () => {
    const { graph } = graphOf(several());
    expect(graph.inputs.map(({ name }) => name)).toEqual(['unused', 'b', 'a']);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['both', 'both_1', 'a_1', 'add_1']);
  });

  test('needs a name for each class, input and output', () => {
    const cases: [PortableOptions, string][] = [
      [{ classNames: ['one'] }, '[batch, 3], which is not [batch, 1]'],
      [{ inputNames: [] }, 'inputNames must be 1 different names, got []'],
      [{ outputNames: ['a', 'b'] }, 'outputNames must be 1 different names'],
    ];
    for (const [given, message] of cases) {
      expect(() => toPortableOnnx(classifier, given)).toThrow(UsageError);
      expect(() => toPortableOnnx(classifier, given)).toThrow(message);
    }
    expect(() => toPortableOnnx(several(), { outputNames: ['x', 'x', 'y', 'z'] })).toThrow(
      '4 different names',
    );
    expect(() => toPortableOnnx(several(), { classNames })).toThrow('has 4 outputs');
  });

  test('needs weights with values, and layers that draw nothing in inference', () => {
    const x = layers.input({ shape: [2] });
    const bare = functional({ inputs: x, outputs: layers.dense({ name: 'd', units: 2 }).apply(x) });
    expect(() => toPortableOnnx(bare)).toThrow(UsageError);
    expect(() => toPortableOnnx(bare)).toThrow("weight 'd/kernel' has no value yet");
    class Noise extends Layer {
      static override readonly className: string = 'Noise';
      call([x]: readonly [Value], { randomKey }: CallContext): Value {
        return add(x, cast(randomKey(), { to: 'float32' }));
      }
    }
    const noisy = functional({ inputs: x, outputs: new Noise({ name: 'noise' }).apply(x) });
    expect(() => toPortableOnnx(noisy)).toThrow(UsageError);
    expect(() => toPortableOnnx(noisy)).toThrow("layer 'noise' asked for random numbers in inference");
  });
});

/** Three inputs, one of which leads nowhere; outputs of one layer, of an input, and of a layer named as operators are. */
function several(): Model {
  const [unused, b, a] = ['unused', 'b', 'a'].map((name) => layers.input({ name, shape: [3] })) as [X, X, X];
  const both = layers.concatenate({ name: 'both' });
  const sum = layers
    .dense({ name: 'add_1', units: 3 })
    .apply(layers.concatenate({ name: 'concat_1' }).apply([a, b]));
  const high = layers.dense({ name: 'matmul_2', units: 2, activation: 'relu' }).apply(sum);
  const outputs = [both.apply([a, high]), both.apply([b, high]), a, sum];
  const net = functional({ name: 'several', inputs: [unused, b, a], outputs }, options);
  net.initialize(1);
  return net;
}
type X = SymbolicTensor;

/** Models in a model, one called twice, with layers that do nothing in inference. */
function nested(): Model {
  const bottom = layers.input({ name: 'bottom', shape: [6, 6, 4] });
  let y = layers.conv2d({ name: 'c', filters: 4, kernelSize: 3, padding: 'same' }).apply(bottom);
  y = layers.batchNormalization({ name: 'bn' }).apply(y);
  const base = functional({ name: 'base', inputs: bottom, outputs: layers.dropout({ rate: 0.5 }).apply(y) });
  const stack = new Sequential({
    name: 'stack',
    layers: [base, layers.reLU({ name: 'r' }), layers.globalAveragePooling2d()],
  });
  const x = layers.input({ name: 'x', shape: [6, 6, 4] });
  const net = functional(
    { name: 'nested', inputs: x, outputs: [stack.apply(base.apply(x)), base.apply(x)] },
    options,
  );
  net.initialize(2);
  return net;
}

describe.skipIf(!existsSync(fileURLToPath(new URL('../.python/bin/python', import.meta.url))))(
  'ONNX’s checker and ONNX Runtime for Python say the same (needs .python) of',
  () => {
    let folder: string;
    let problems: Record<string, string>;
    const stream = randomStream('portable');
    const row = () => uniform(stream, [5, 3]);
    const bare = () => {
      const x = layers.input({ name: 'x', shape: [null, null, 3] });
      return functional(
        { inputs: x, outputs: layers.globalMaxPooling2d({ name: 'most' }).apply(x) },
        options,
      );
    };
    const cases: [string, () => Model, Record<string, Tensor>][] = [
      ['preprocessing inside', smallClassifier, { pixels: pixels(4, 3) }],
      ['several', several, { unused: row(), b: row(), a: row() }],
      ['nested', nested, { x: uniform(stream, [3, 6, 6, 4]) }],
      ['sizes left open', bare, { x: uniform(stream, [2, 5, 9, 3]) }],
    ];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fovea-portable-'));
      for (const [name, make, feeds] of cases) {
        const net = make();
        const file = bytesOf(net);
        const { graph } = decodeModel(file, name);
        const outputs = await net.predictAllOnBatch(feeds);
        const expected = graph.outputs.map((output, i) => [`expected/${output.name}`, outputs[i]!]);
        await writeFile(join(folder, `${name}.onnx`), file);
        await writeFile(
          join(folder, `${name}.safetensors`),
          encodeSafetensors({ ...feeds, ...Object.fromEntries(expected) }),
        );
        await net.dispose();
      }
      const models = cases.map(([name]) => ({ name, file: name, portable: true }));
      await writeFile(join(folder, 'models.json'), JSON.stringify(models));
      const python = fileURLToPath(new URL('../.python/bin/python', import.meta.url));
      const script = fileURLToPath(new URL('support/check_onnx.py', import.meta.url));
      problems = JSON.parse(execFileSync(python, [script, folder], { encoding: 'utf8' }));
    });
    afterAll(() => rm(folder, { recursive: true }));

    test.each(cases)('a model: %s', (name) => {
      expect(problems[name]).toBe('');
    });
  },
);
