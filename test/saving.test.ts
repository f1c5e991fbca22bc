import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../src/codecs/safetensors.ts';
import { registerCustomObjects } from '../src/core/custom-objects.ts';
import { DataError, SystemError, UsageError } from '../src/core/errors.ts';
import { floats, type Tensor, tensor, zeros } from '../src/core/tensor.ts';
import type { Value } from '../src/graph/value.ts';
import { type CallContext, Layer, type Weight } from '../src/layers/layer.ts';
import * as layers from '../src/layers/layers.ts';
import { model as functional } from '../src/models/functional.ts';
import { loadModel } from '../src/models/loading.ts';
import type { Model } from '../src/models/model.ts';
import { Sequential } from '../src/models/sequential.ts';
import { assignWeights, readWeights, weightsOf } from '../src/models/weight-files.ts';
import { mul, relu } from '../src/ops/elementwise.ts';
import { adam, sgd } from '../src/optimizers/optimizers.ts';
import { predictions, trainedClassifier } from './support/small-classifier.ts';
import { batches, oneHot, valuesOf } from './support/training.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-saving-'));
});
afterAll(() => rm(folder, { recursive: true }));

const options = { threads: 1 };
let count = 0;
const fresh = () => join(folder, `model ${++count}`);
const failure = (running: Promise<unknown>) =>
  running.then(
    () => undefined,
    (error: unknown) => error as Error,
  );

const stack = (...units: number[]) =>
  new Sequential(
    {
      name: 'stack',
      layers: [
        layers.input({ name: 'x', shape: [4] }),
        ...units.map((size, i) => layers.dense({ name: `d${i}`, units: size })),
      ],
    },
    options,
  );

describe('a saved model', () => {
  let trained: Model;
  let path: string;
  beforeAll(async () => {
    trained = await trainedClassifier();
    path = fresh();
    await trained.save(path);
  });
  afterAll(() => trained.dispose());

  test('is a folder of JSON, weights and the optimizer’s state', async () => {
    expect(await readdir(path)).toEqual(['model.json', 'optimizer.safetensors', 'weights.safetensors']);
    expect(JSON.parse(await readFile(join(path, 'model.json'), 'utf8'))).toMatchObject(
      JSON.parse(JSON.stringify(trained)),
    );
  });

  test('gives the same outputs, bit for bit, when it is loaded', async () => {
    const loaded = await loadModel(path, options);
    for (const channels of [1, 3] as const) {
      expect(await predictions(loaded, channels)).toEqual(await predictions(trained, channels));
    }
    expect(loaded.getLayer('low').weights[0]!.value!.dtype).toBe('float16');
    expect(loaded.trainableWeights.map(({ path }) => path)).toEqual(
      trained.trainableWeights.map(({ path }) => path),
    );
    await loaded.dispose();
  });

  test('takes the place of another where that is wanted, and of nothing else', async () => {
    await expect(trained.save(path)).rejects.toThrow(UsageError);
    await expect(trained.save(path)).rejects.toThrow('exists and is not empty');
    const place = fresh();
    const first = stack(3);
    first.initialize();
    await first.save(place);
    await trained.save(place, { overwrite: true });
    expect((await loadModel(place)).name).toBe('small');
    const other = fresh();
    await mkdir(other);
    await writeFile(join(other, 'notes.txt'), 'mine');
    await expect(trained.save(other, { overwrite: true })).rejects.toThrow('exists and is not empty');
    expect(await readdir(other)).toEqual(['notes.txt']);
  });

  test('of models in models, shared and custom layers', async () => {
    class Gain extends Layer {
      static override readonly className: string = 'Gain';
      #gain!: Weight;
      override build(): void {
        this.#gain = this.addWeight('gain', [], { initializer: 'ones' });
      }
      call([x]: readonly [Value], { read }: CallContext): Value {
        return mul(x, read(this.#gain));
      }
    }
    const soft = (x: Value) => relu(mul(x, x));
    registerCustomObjects({ soft });
    const shared = layers.dense({ name: 'shared', units: 4, activation: soft });
    const inner = new Sequential({
      name: 'inner',
      layers: [layers.input({ shape: [4] }), shared, new Gain({ name: 'gain' })],
    });
    const x = layers.input({ name: 'x', shape: [4] });
    const net = functional(
      { name: 'net', inputs: x, outputs: [inner.apply(shared.apply(inner.apply(x))), x] },
      options,
    );
    net.initialize(4);
    const place = fresh();
    await net.save(place);
    const loaded = await loadModel(place, { ...options, customObjects: { Gain } });
    const given = floats([1, -2, 3, 0.5], [1, 4]);
    expect(await loaded.predictAllOnBatch(given)).toEqual(await net.predictAllOnBatch(given));
    const unknown = await failure(loadModel(place));
    expect(unknown).toBeInstanceOf(DataError);
    for (const word of [join(place, 'model.json'), "layer 'gain'", "there is no layer 'Gain'"])
      expect(unknown!.message).toContain(word);
    await Promise.all([net.dispose(), loaded.dispose()]);
  });
});

describe('training goes on', () => {
  const x = floats([1, 2, 3, 4, 4, 3, 2, 1, 0, 1, 0, 2], [3, 4]);
  const data = batches({ inputs: x, targets: oneHot([0, 1, 2], 3) });
  const net = () => {
    const made = stack(5, 3);
    made.add(layers.activation({ name: 'softmax', activation: 'softmax' }));
    return made;
  };
  const by = { optimizer: adam({ learningRate: 0.05 }), loss: 'categoricalCrossentropy' } as const;

  test('from a saved optimizer as if it had never stopped, and from a new one otherwise', async () => {
    const [whole, first] = [net(), net()];
    for (const made of [whole, first]) made.compile(by);
    await whole.fitDataset(data, { epochs: 4 });
    await first.fitDataset(data, { epochs: 2 });
    const path = fresh();
    await first.save(path);
    const loaded = await loadModel(path, options);
    expect(await loaded.optimizerState()).toEqual(await first.optimizerState());
    await loaded.predict(data); // opens what computes, and loses nothing
    loaded.compile({ ...by, resume: true });
    await loaded.fitDataset(data, { epochs: 2 });
    expect(valuesOf(loaded)).toEqual(valuesOf(whole));
    const anew = await loadModel(path, options);
    anew.compile(by);
    await anew.fitDataset(data, { epochs: 2 });
    expect(valuesOf(anew)).not.toEqual(valuesOf(whole));
    const other = await loadModel(path, options);
    const resume = () => other.compile({ ...by, optimizer: sgd({ momentum: 0.9 }), resume: true });
    expect(resume).toThrow(UsageError);
    expect(resume).toThrow('SGD cannot resume, as the optimizer before it kept');
    const state = await first.optimizerState();
    const [name] = Object.keys(state.slots);
    other.setOptimizerState({ ...state, slots: { ...state.slots, [name!]: zeros('float32', [2]) } });
    expect(() => other.compile({ ...by, resume: true })).toThrow(
      `Adam cannot resume: '${name}' is [2], and should be`,
    );
    await Promise.all([whole, first, loaded, anew, other].map((made) => made.dispose()));
  });

  test('without the optimizer where it was not saved, or has made no step', async () => {
    const made = net();
    made.compile(by);
    const [early, late] = [fresh(), fresh()];
    await made.save(early);
    await made.fitDataset(data);
    await made.save(late, { includeOptimizer: false });
    for (const path of [early, late]) {
      expect(await readdir(path)).toEqual(['model.json', 'weights.safetensors']);
      expect(await (await loadModel(path)).optimizerState()).toEqual({ iterations: 0, slots: {} });
    }
    await made.dispose();
  });

  test('and what is saved meanwhile is what has been learned by then', async () => {
    const made = net();
    made.compile(by);
    const paths = [fresh(), fresh()];
    const onEpochEnd = async (epoch: number) => {
      await made.save(paths[epoch]!);
      await made.saveWeights(`${paths[epoch]}.safetensors`);
    };
    await made.fitDataset(data, { epochs: 2, callbacks: [{ onEpochEnd }] });
    const [first, second] = await Promise.all(paths.map((path) => loadModel(path, options)));
    expect(valuesOf(second!)).toEqual(valuesOf(made));
    expect(valuesOf(first!)).not.toEqual(valuesOf(made));
    expect(await readWeights(`${paths[1]}.safetensors`)).toEqual(weightsOf(made));
    first!.compile({ ...by, resume: true });
    await first!.fitDataset(data);
    expect(valuesOf(first!)).toEqual(valuesOf(made));
    await Promise.all([made.dispose(), first!.dispose()]);
  });
});

describe('a file of weights', () => {
  let file: string;
  let from: Sequential;
  beforeAll(async () => {
    file = join(folder, 'weights.safetensors');
    from = stack(3, 2);
    from.initialize(1);
    await from.saveWeights(file);
  });

  test('is taken by name, whatever else is in the file', async () => {
    const into = stack(3);
    expect(await into.loadWeights(file)).toEqual([]);
    expect(into.getWeights()).toEqual(from.getWeights().slice(0, 2));
  });

  test('is taken in order, whatever the names', async () => {
    const into = new Sequential({
      layers: [
        layers.input({ shape: [4] }),
        layers.dense({ name: 'z', units: 3 }),
        layers.dense({ name: 'a', units: 2 }),
      ],
    });
    await into.loadWeights(file, { by: 'order' });
    expect(into.getWeights()).toEqual(from.getWeights());
    await expect(into.loadWeights(file)).rejects.toThrow(`${file}: tensor 'z/kernel' is missing`);
    await expect(stack(3).loadWeights(file, { by: 'order' })).rejects.toThrow(
      `${file}: holds 4 tensors, and model 'stack' has 2 weights`,
    );
  });

  test('that does not fit changes nothing, or what fits', async () => {
    const into = stack(3, 5);
    into.initialize(2);
    const before = into.getWeights();
    const wrong = await failure(into.loadWeights(file));
    expect(wrong).toBeInstanceOf(DataError);
    expect(wrong!.message).toBe(`${file}: tensor 'd1/kernel' should have the shape [3, 5], and has [3, 2]`);
    expect(into.getWeights()).toEqual(before);
    expect(await into.loadWeights(file, { skipMismatch: true })).toEqual(['d1/kernel', 'd1/bias']);
    expect(into.getWeights()).toEqual([...from.getWeights().slice(0, 2), ...before.slice(2)]);
    const long = stack(3, 2, 1);
    expect(await long.loadWeights(file, { by: 'order', skipMismatch: true })).toEqual([
      'd2/kernel',
      'd2/bias',
    ]);
  });

  test('of another dtype, or that is not there', async () => {
    const into = stack(3);
    expect(() => assignWeights(into, { 'd0/kernel': zeros('int32', [4, 3]) }, 'here')).toThrow(
      "here: tensor 'd0/kernel' should be float32 or float16, and is int32",
    );
    await expect(into.loadWeights(join(folder, 'absent'))).rejects.toThrow('there is no such file');
    await expect(into.loadWeights(folder)).rejects.toThrow(DataError);
    const by = { by: 'place' as 'name' };
    await expect(into.loadWeights(file, by)).rejects.toThrow(UsageError);
  });

  test('cannot be written for weights without values', async () => {
    const path = join(folder, 'none.safetensors');
    await expect(stack(3).saveWeights(path)).rejects.toThrow(UsageError);
    await expect(stack(3).save(path)).rejects.toThrow("weight 'd0/kernel' has no value yet");
    expect(await readdir(folder)).not.toContain('none.safetensors');
  });
});

test('a save that the system refuses leaves nothing behind', async () => {
  const made = stack(3);
  made.initialize();
  const within = fresh();
  await mkdir(within);
  const file = join(within, 'file');
  await writeFile(file, '');
  await expect(made.save(join(file, 'model'))).rejects.toThrow('is a file: choose another folder');
  await expect(made.save(file)).rejects.toThrow('is a file: choose another folder');
  await expect(made.saveWeights(join(within, 'no', 'weights'))).rejects.toThrow(SystemError);
  if (process.getuid?.() !== 0) {
    await chmod(within, 0o500);
    await expect(made.save(join(within, 'model'))).rejects.toThrow('no permission');
    await chmod(within, 0o700);
  }
  expect(await readdir(within)).toEqual(['file']);
});

describe('a model is not loaded', () => {
  type Damage = (path: string) => Promise<unknown>;
  const weights = 'weights.safetensors';
  const written =
    (name: string, content: string | Uint8Array): Damage =>
    (path) =>
      writeFile(join(path, name), content);
  /** A safetensors file of this header. */
  const file = (header: string, data = 0, length: number | bigint = Buffer.byteLength(header)) => {
    const bytes = Buffer.alloc(8 + Buffer.byteLength(header) + data);
    bytes.writeBigUInt64LE(BigInt(length));
    bytes.write(header, 8);
    return bytes;
  };
  const entry = (shape: number[], begin: number, end: number) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });
  const tensors = (change: object, data = 60) =>
    file(
      JSON.stringify({ 'd0/kernel': entry([4, 3], 0, 48), 'd0/bias': entry([3], 48, 60), ...change }),
      data,
    );
  const edited =
    (name: string, edit: (text: string) => string): Damage =>
    async (path) =>
      writeFile(join(path, name), edit(await readFile(join(path, name), 'utf8')));
  const optimizer = (slots: Record<string, Tensor>, iterations = '3') =>
    written('optimizer.safetensors', encodeSafetensors(slots, { iterations }));

  test('unless it is whole', async () => {
    const made = stack(3);
    made.initialize();
    const path = fresh();
    await made.save(path);
    await writeFile(join(path, weights), tensors({}));
    expect((await loadModel(path)).getWeights()[1]!.data).toEqual(new Float32Array(3));
  });

  test.each<[string, Damage, string[]]>([
    [
      'that is not there',
      (path) => rm(path, { recursive: true }),
      ['model.json is not there', 'give the folder'],
    ],
    ['without its layers', (path) => rm(join(path, 'model.json')), ['model.json is not there']],
    ['without its weights', (path) => rm(join(path, weights)), [`${weights} is not there`]],
    ['whose JSON is none', written('model.json', '{"class_name"'), ['model.json', 'is not JSON']],
    [
      'whose JSON is cut short',
      edited('model.json', (text) => text.slice(0, -40)),
      ['model.json', 'is not JSON'],
    ],
    ['whose JSON is no model', written('model.json', '[]'), ['model.json', 'and is a list']],
    [
      'with an unknown layer',
      edited('model.json', (text) => text.replace('"Dense"', '"Magic"')),
      ["there is no layer 'Magic'"],
    ],
    [
      'whose weights are cut short',
      async (path) => truncate(join(path, weights), (await stat(join(path, weights))).size - 8),
      [weights, 'it was cut short'],
    ],
    [
      'whose weights are cut shorter',
      (path) => truncate(join(path, weights), 20),
      [weights, 'its header alone has'],
    ],
    ['whose weights are nothing', written(weights, ''), [weights, 'it has 0 bytes']],
    [
      'whose header would be 2⁴⁰ bytes',
      written(weights, file('{}', 0, 2n ** 40n)),
      [weights, 'its header would take 1099511627776 bytes'],
    ],
    [
      'whose header would be 2⁶³ bytes',
      written(weights, file('{}', 0, 2n ** 63n)),
      [weights, 'its header would take'],
    ],
    [
      'of a million tensors',
      (path) => {
        const names = Array.from({ length: 1_000_000 }, (_, i) => `"${i}":{}`);
        return writeFile(join(path, weights), file(`{${names.join()}}`));
      },
      [weights, 'lists 1000000 tensors'],
    ],
    ['whose header is no JSON', written(weights, file('{"d0')), [weights, 'its header is not JSON']],
    ['whose header is a list', written(weights, file('[]')), [weights, 'its header is not an object']],
    [
      'without a tensor',
      written(weights, tensors({ 'd0/bias': undefined }, 48)),
      [weights, "'d0/bias' is missing"],
    ],
    [
      'with a tensor of another shape',
      written(weights, tensors({ 'd0/bias': entry([1, 3], 48, 60) })),
      [weights, "'d0/bias' should have the shape [3], and has [1, 3]"],
    ],
    [
      'with a tensor outside the file',
      written(weights, tensors({ 'd0/bias': entry([3], 4800, 4812) })),
      [weights, "'d0/bias' lies in [4800, 4812)", 'holds 60 bytes'],
    ],
    [
      'with tensors over one another',
      written(weights, tensors({ 'd0/bias': entry([3], 44, 56) })),
      [weights, "'d0/bias' lies in [44, 56), and overlaps"],
    ],
    [
      'with a tensor that ends before it begins',
      written(weights, tensors({ 'd0/bias': entry([3], 60, 48) })),
      [weights, "'d0/bias'"],
    ],
    [
      'with a tensor of an immense shape',
      written(weights, tensors({ 'd0/bias': entry([2 ** 40, 2 ** 10], 48, 60) })),
      [weights, "'d0/bias'", 'takes'],
    ],
    [
      'with a tensor of a negative size',
      written(weights, tensors({ 'd0/bias': entry([-3], 48, 60) })),
      ['no valid shape'],
    ],
    [
      'with numbers in sixteen bits of another kind',
      written(weights, tensors({ 'd0/bias': { ...entry([3], 48, 60), dtype: 'BF16' } })),
      ["'d0/bias' has dtype BF16"],
    ],
    [
      'with an optimizer that counts no steps',
      optimizer({}, 'x'),
      ['optimizer.safetensors', 'the count of steps', 'x'],
    ],
    [
      'with an optimizer’s file that is none',
      written('optimizer.safetensors', 'oh no, that is wrong'),
      ['optimizer.safetensors'],
    ],
    [
      'with an optimizer of another model',
      optimizer({ 'd7/kernel/m': zeros('float32', [4, 3]) }),
      ['optimizer.safetensors', "'d7/kernel/m' belongs to no weight of the model"],
    ],
    [
      'with an optimizer of another shape',
      optimizer({ 'd0/kernel/m': zeros('float32', [4, 4]) }),
      ["'d0/kernel/m' should be float32[4, 3] or smaller, and is float32[4, 4]"],
    ],
    [
      'with an optimizer of another dtype',
      optimizer({ 'd0/bias/m': tensor('int32', [3], new Int32Array(3)) }),
      ["'d0/bias/m' should be float32[3] or smaller, and is int32[3]"],
    ],
  ])('%s', async (_, damage, words) => {
    const made = stack(3);
    made.initialize();
    const path = fresh();
    await made.save(path);
    await damage(path);
    const error = await failure(loadModel(path));
    expect(error).toBeInstanceOf(DataError);
    for (const word of [path, ...words]) expect(error!.message).toContain(word);
  });

  test('of a file that the encoder writes, the decoder reads the same', () => {
    const named = { a: floats([1, 2]), __proto__x: floats([3]) };
    expect(decodeSafetensors(encodeSafetensors(named), 'x').tensors).toEqual(named);
  });
});
