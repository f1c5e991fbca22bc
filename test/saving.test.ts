import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../src/codecs/safetensors.ts';
import { DataError, UsageError } from '../src/core/errors.ts';
import { createFolderWhole } from '../src/core/files.ts';
import { toFloat16 } from '../src/core/float16.ts';
import { floats, type Tensor, tensor } from '../src/core/tensor.ts';
import { Dataset } from '../src/data/dataset.ts';
import * as layers from '../src/layers/layers.ts';
import { Model } from '../src/models/model.ts';
import {
  modelFromTopology,
  type Topology,
  toPortableOnnx,
  topologyOf,
  weightsOf,
} from '../src/models/saving.ts';
import { assignWeights } from '../src/models/weight-files.ts';
import { evaluatePredictions } from '../src/oct/evaluation.ts';
import { readRun, writeRun } from '../src/oct/run-folder.ts';
import { decodeModel } from '../src/onnx/decode.ts';
import { adam } from '../src/optimizers/optimizers.ts';
import { l2 } from '../src/regularizers/regularizers.ts';
import { randomStream } from './support/random.ts';

const classNames = ['CNV', 'DME', 'NORMAL'];

/** A network of every kind of layer, of which the lower ones are frozen and in half precision. */
function network(): Model {
  const images = layers.input({ name: 'pixels', shape: [17, 17, 'channels'], dtype: 'uint8' });
  let x = layers.preprocessing({ mode: 'torch' }).apply(images);
  x = layers.conv2d({ name: 'low', filters: 16, kernelSize: 3, padding: 'same', trainable: false }).apply(x);
  x = layers.activation({ activation: 'relu' }).apply(x);
  x = layers.maxPooling2d().apply(x);
  const wide = layers.conv2d({
    name: 'high',
    filters: 16,
    kernelSize: [3, 3],
    padding: 'same',
    activation: 'relu',
  });
  const high = wide.apply(x);
  const pooled = [
    layers.globalAveragePooling2d().apply(x),
    layers.flatten().apply(layers.averagePooling2d({ poolSize: [2, 4], strides: 4 }).apply(high)),
  ];
  const joined = layers.dropout({ rate: 0.3 }).apply(layers.concatenate().apply(pooled));
  const head = layers.dense({ name: 'head', units: 3, activation: 'softmax', kernelRegularizer: l2(1e-3) });
  const outputs = head.apply(layers.normalization().apply(joined));
  const model = new Model({ inputs: images, outputs, name: 'small' }, { threads: 1 });
  model.initialize(3);
  for (const weight of model.getLayer('low').weights) {
    weight.value = tensor('float16', weight.shape, toFloat16(weight.value!.data as Float32Array));
  }
  return model;
}

function pixels(count: number, channels: 1 | 3): Tensor<'uint8'> {
  const stream = randomStream('pixels', channels);
  const data = Uint8Array.from({ length: count * 17 * 17 * channels }, () => stream.below(256));
  return tensor('uint8', [count, 17, 17, channels], data);
}

const predictions = (model: Model, channels: 1 | 3 = 3) =>
  model.predict(Dataset.fromArray([{ inputs: pixels(4, channels), targets: floats([0], [1, 1]) }]));

const description = {
  backbone: 'none',
  recipe: 'test',
  classNames,
  imageSize: [17, 17],
  resize: 'bilinear',
  channels: 1,
  settings: { seed: 3, nested: { rate: 0.1 } },
} as const;

let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-saving-'));
  model = network();
  model.compile({ optimizer: adam({ learningRate: 0.01 }), loss: 'categoricalCrossentropy' });
  const targets = floats([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0], [4, 3]);
  await model.fit(Dataset.fromArray([{ inputs: pixels(4, 1), targets }]), { epochs: 2 });
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

describe('a topology', () => {
  test('is JSON, and makes the same model, with the same predictions bit for bit', async () => {
    const topology: unknown = JSON.parse(JSON.stringify(topologyOf(model)));
    const restored = modelFromTopology(topology, { threads: 1 });
    expect(topologyOf(restored)).toEqual(topology);
    expect(restored.summary()).toBe(model.summary());
    const file = decodeSafetensors(encodeSafetensors(weightsOf(model)), 'weights');
    assignWeights(restored.weights, file.tensors, 'weights');
    for (const channels of [1, 3] as const) {
      expect(await predictions(restored, channels)).toEqual(await predictions(model, channels));
    }
    await restored.dispose();
  });

  test('cannot hold a layer that is applied twice', () => {
    const x = layers.input({ shape: [4] });
    const shared = layers.dense({ name: 'shared', units: 4 });
    const twice = new Model({ inputs: x, outputs: shared.apply(shared.apply(x)) });
    expect(() => topologyOf(twice)).toThrow(UsageError);
    expect(() => topologyOf(twice)).toThrow("layer 'shared' is applied more than once");
  });

  const input = { className: 'InputLayer', config: { name: 'x', shape: [4, 4, 3] }, inputs: [] };
  const dense = { className: 'Dense', config: { name: 'd', units: 2 }, inputs: ['x'] };
  const valid: Topology = { name: 'm', layers: [input, dense], input: 'x', output: 'd' };
  const withDense = (change: object) => ({ ...valid, layers: [input, { ...dense, ...change }] });
  const withConfig = (className: string, config: object) =>
    withDense({ className, config: { name: 'd', ...config } });

  test.each<[string, unknown, string[]]>([
    ['that is no object', [], ['expected object']],
    ['without an output', { ...valid, output: undefined }, ['output', 'expected string']],
    ['of another output', { ...valid, output: 'e' }, ["the output 'e' is not among the layers"]],
    ['of another input', { ...valid, input: 'e' }, ["the input 'e' is not among the layers"]],
    ['whose input is a layer', { ...valid, input: 'd' }, ["'x'", 'not among the model']],
    [
      'of an unknown class',
      withDense({ className: 'Magic' }),
      ["layer 'd'", "'Magic'", 'Conv2D, MaxPooling2D'],
    ],
    ['of an inherited class', withDense({ className: 'constructor' }), ["'constructor' is no layer"]],
    [
      'of two layers with one name',
      { ...valid, layers: [input, dense, dense] },
      ["two layers have the name 'd'"],
    ],
    ['of a layer without a name', withDense({ config: { units: 2 } }), ['layers.1.config.name']],
    [
      'of a layer on itself',
      withDense({ inputs: ['d'] }),
      ["layer 'd'", "its input 'd' is no layer before it"],
    ],
    ['of a layer on nothing', withDense({ inputs: [] }), ["layer 'd'", 'apply takes outputs']],
    ['of a layer on two', withDense({ inputs: ['x', 'x'] }), ["layer 'd'", 'takes one input, got 2']],
    [
      'of an input on a layer',
      { ...valid, layers: [input, { ...input, config: { name: 'd', shape: [1] }, inputs: ['x'] }] },
      ["layer 'd'", 'an input takes no inputs'],
    ],
    ['of a layer that leads nowhere', { ...valid, output: 'x' }, ["layer 'd' leads to no output"]],
    ['of shapes that do not fit', withConfig('Conv2D', { filters: 1, kernelSize: 5 }), ["layer 'd'", '5']],
    ['of an unknown option', withConfig('Dense', { units: 2, speed: 9 }), ["layer 'd'", 'speed']],
    ['of no units', withConfig('Dense', { units: 0 }), ["layer 'd'", 'units']],
    ['of units in words', withConfig('Dense', { units: '2' }), ["layer 'd'", 'units', 'expected number']],
    [
      'of an unknown activation',
      withConfig('Activation', { activation: 'toString' }),
      ['activation', 'relu'],
    ],
    ['of an unknown padding', withConfig('MaxPooling2D', { padding: 'full' }), ['padding', 'valid']],
    ['of an unknown mode', withConfig('Preprocessing', { mode: 'x' }), ['mode', 'caffe']],
    ['of a rate of one', withConfig('Dropout', { rate: 1 }), ['rate']],
    [
      'of a kernel of three sizes',
      withConfig('Conv2D', { filters: 1, kernelSize: [1, 1, 1] }),
      ['kernelSize', 'or two'],
    ],
  ])('%s is refused', (_, topology, words) => {
    expect(() => modelFromTopology(topology, { where: 't.json' })).toThrow(DataError);
    for (const word of ['t.json: ', ...words]) {
      expect(() => modelFromTopology(topology, { where: 't.json' })).toThrow(word);
    }
  });
});

test('weights without values cannot be saved', () => {
  const bare = modelFromTopology(topologyOf(model));
  expect(() => weightsOf(bare)).toThrow(UsageError);
  expect(() => weightsOf(bare)).toThrow("weight 'low/kernel' has no value yet");
  expect(() => toPortableOnnx(bare, { classNames })).toThrow('call compile or initialize');
});

describe('a portable ONNX file', () => {
  const python = fileURLToPath(new URL('../.python/bin/python', import.meta.url));
  const script = fileURLToPath(new URL('support/check_onnx.py', import.meta.url));
  const file = () => Buffer.concat(toPortableOnnx(model, { classNames, metadata: { resize: 'bilinear' } }));

  test('takes bytes of three channels, and has the notes, and half-precision weights as they are', () => {
    const { graph, metadata } = decodeModel(file(), 'model.onnx');
    expect(graph.inputs).toEqual([{ name: 'images', dtype: 'uint8', shape: ['batch', 17, 17, 3] }]);
    expect(graph.outputs).toEqual([{ name: 'probabilities', dtype: 'float32', shape: ['batch', 3] }]);
    expect(metadata).toEqual({ resize: 'bilinear', class_names: '["CNV","DME","NORMAL"]' });
    expect(graph.initializers!['low/kernel']).toEqual(model.getLayer('low').weights[0]!.value);
    expect(graph.initializers!['high/kernel']!.dtype).toBe('float32');
  });

  test('needs a name for each class', () => {
    expect(() => toPortableOnnx(model, { classNames: ['one'] })).toThrow(UsageError);
    expect(() => toPortableOnnx(model, { classNames: ['one'] })).toThrow(
      '[batch, 3], which is not [batch, 1]',
    );
  });

  test.skipIf(!existsSync(python))(
    'passes ONNX’s checker and gives the same in Python (needs .python)',
    async () => {
      const own = await mkdtemp(join(folder, 'onnx-'));
      const tensors = { images: pixels(4, 3), 'expected/probabilities': await predictions(model) };
      await writeFile(join(own, 'model.onnx'), file());
      await writeFile(join(own, 'model.safetensors'), encodeSafetensors(tensors));
      await writeFile(join(own, 'models.json'), '[{"name": "model", "file": "model", "portable": true}]');
      expect(JSON.parse(execFileSync(python, [script, own], { encoding: 'utf8' }))).toEqual({ model: '' });
    },
  );
});

describe('a run folder', () => {
  const history = [
    { epoch: 1, loss: 1.5 },
    { epoch: 2, loss: 1.25, val_loss: 1 },
  ];
  const evaluation = evaluatePredictions({
    probabilities: floats([0.8, 0.1, 0.1, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6], [3, 3]),
    labels: [0, 1, 1],
    patients: ['1', '2', '3'],
    classes: classNames,
  });
  let run: string;
  beforeAll(async () => {
    run = join(folder, 'run');
    await writeRun(await createFolderWhole(run), { model, config: description, history, evaluation });
  });

  const read = (name: string) => readFile(join(run, name));

  test('holds the model in both forms, what it was made by, its history and its evaluation', async () => {
    expect(await readdir(run)).toEqual([
      'config.json',
      'history.jsonl',
      'metrics.json',
      'model.onnx',
      'topology.json',
      'weights.safetensors',
    ]);
    const sha256 = async (name: string) =>
      createHash('sha256')
        .update(await read(name))
        .digest('hex');
    expect(JSON.parse(String(await read('config.json')))).toEqual({
      format: 1,
      fovea: (JSON.parse(await readFile('package.json', 'utf8')) as { version: string }).version,
      ...description,
      checksums: {
        'weights.safetensors': await sha256('weights.safetensors'),
        'topology.json': await sha256('topology.json'),
      },
    });
    expect(
      String(await read('history.jsonl'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(history);
    expect(JSON.parse(String(await read('metrics.json')))).toEqual(evaluation);
    expect(await read('weights.safetensors')).toEqual(Buffer.from(encodeSafetensors(weightsOf(model))));
    const { metadata } = decodeModel(await read('model.onnx'), 'model.onnx');
    expect(metadata).toMatchObject({ resize: 'bilinear' });
  });

  test('gives back a model that predicts the same, bit for bit, and can be trained on', async () => {
    const { model: restored, config } = await readRun(run, { threads: 1 });
    expect(config).toMatchObject(description);
    expect(await predictions(restored)).toEqual(await predictions(model));
    expect(restored.trainableWeights.map(({ path }) => path)).toEqual(
      model.trainableWeights.map(({ path }) => path),
    );
    await restored.dispose();
  });

  test('without an evaluation says so', async () => {
    const path = join(folder, 'unevaluated');
    await writeRun(await createFolderWhole(path), {
      model,
      config: description,
      history: [],
      evaluation: null,
    });
    expect(await readFile(join(path, 'metrics.json'), 'utf8')).toBe('null\n');
    expect(await readFile(join(path, 'history.jsonl'), 'utf8')).toBe('');
  });

  test('does not appear for a model that is not what its description says', async () => {
    const path = join(folder, 'unfit');
    const writer = await createFolderWhole(path);
    const config = { ...description, classNames: ['one', 'two'] };
    await expect(writeRun(writer, { model, config, history, evaluation })).rejects.toThrow('[batch, 2]');
    await writer.discard();
    expect(existsSync(path)).toBe(false);
  });

  type Damage = (path: string) => Promise<void>;
  const edited =
    (name: string, edit: (text: string) => string): Damage =>
    async (path) => {
      await writeFile(join(path, name), edit(await readFile(join(path, name), 'utf8')));
    };
  const configured = (change: object) =>
    edited('config.json', (text) => JSON.stringify({ ...JSON.parse(text), ...change }));
  /** Other contents under a checksum that is right. */
  const replaced =
    (name: string, content: () => string | Uint8Array): Damage =>
    async (path) => {
      await writeFile(join(path, name), content());
      const digest = createHash('sha256').update(content()).digest('hex');
      const change = (text: string) => {
        const config = JSON.parse(text);
        return JSON.stringify({ ...config, checksums: { ...config.checksums, [name]: digest } });
      };
      await edited('config.json', change)(path);
    };
  const weights = 'weights.safetensors';
  const weightsWith = (change: Record<string, Tensor>) => () =>
    encodeSafetensors({ ...weightsOf(model), ...change });

  test.each<[string, Damage, string[]]>([
    [
      'that is a file',
      async (path) => rm(path, { recursive: true }).then(() => writeFile(path, '')),
      ['config.json is not there'],
    ],
    [
      'that is not there',
      (path) => rm(path, { recursive: true }),
      ['config.json is not there', 'give the folder'],
    ],
    ['without its config', (path) => rm(join(path, 'config.json')), ['config.json is not there']],
    ['without its weights', (path) => rm(join(path, weights)), ['weights.safetensors is not there']],
    ['without its topology', (path) => rm(join(path, 'topology.json')), ['topology.json is not there']],
    [
      'whose config is cut short',
      edited('config.json', (text) => text.slice(0, -9)),
      ['config.json is not JSON', 'fetch'],
    ],
    ['whose config is no object', edited('config.json', () => '3'), ['config.json: ', 'expected object']],
    ['whose config lacks a field', configured({ classNames: undefined }), ['config.json: classNames']],
    ['whose image size is none', configured({ imageSize: [0, 17] }), ['config.json: imageSize.0']],
    ['with one class name twice', configured({ classNames: ['a', 'b', 'a'] }), ['class names must differ']],
    ['with another number of classes', configured({ classNames: ['a', 'b'] }), ['[batch, 3]', '[batch, 2]']],
    ['of another image size', configured({ imageSize: [18, 18] }), ['[batch, 17, 17, channels]', '18']],
    ['of another resizing', configured({ resize: 'cubic' }), ['config.json: resize', 'bilinear-tf1']],
    ['of a newer format', configured({ format: 2, checksums: [] }), ['format 2', 'install a newer fovea']],
    [
      'whose weights are cut short',
      (path) => truncate(join(path, weights), 900),
      [weights, 'cut short or altered', 'fetch'],
    ],
    [
      'whose weights are altered',
      async (path) => {
        const bytes = await readFile(join(path, weights));
        bytes[bytes.length - 1]! ^= 1;
        await writeFile(join(path, weights), bytes);
      },
      [weights, 'cut short or altered'],
    ],
    [
      'whose topology is altered',
      edited('topology.json', (text) => text.replace('relu', 'tanh')),
      ['topology.json', 'altered'],
    ],
    ['whose topology is no JSON', replaced('topology.json', () => '{'), ['topology.json is not JSON']],
    ['whose topology is none', replaced('topology.json', () => '{}'), ['topology.json: name']],
    ['whose weights are no tensors', replaced(weights, () => 'oh'), [`${weights} is no safetensors file`]],
    [
      'with a weight of another shape',
      replaced(weights, weightsWith({ 'head/bias': floats([1, 2]) })),
      [weights, "'head/bias'", '[3]', '[2]'],
    ],
    [
      'without a weight',
      replaced(weights, () => encodeSafetensors({})),
      [weights, "'low/kernel' is missing"],
    ],
  ])('%s is refused', async (_, damage, words) => {
    const path = await mkdtemp(join(folder, 'damaged-'));
    await cp(run, path, { recursive: true });
    await damage(path);
    const failure = await readRun(path, { threads: 1 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DataError);
    for (const word of [path, ...words]) expect((failure as Error).message).toContain(word);
  });
});
