import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeSafetensors } from '../src/codecs/safetensors.ts';
import { DataError } from '../src/core/errors.ts';
import { floats, type Tensor } from '../src/core/tensor.ts';
import type { Model } from '../src/models/model.ts';
import { weightsOf } from '../src/models/weight-files.ts';
import { evaluatePredictions } from '../src/oct/evaluation.ts';
import { readRun, writeRun } from '../src/oct/run-folder.ts';
import { decodeModel } from '../src/onnx/decode.ts';
import { predictions, trainedClassifier } from './support/small-classifier.ts';

const description = {
  backbone: 'none',
  recipe: 'test',
  classNames: ['CNV', 'DME', 'NORMAL'],
  imageSize: [17, 17],
  resize: 'bilinear',
  channels: 1,
  settings: { seed: 3, nested: { rate: 0.1 } },
} as const;

let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-run-'));
  model = await trainedClassifier();
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

describe('a run folder', () => {
  const classNames = description.classNames;

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
    await writeRun(run, { model, config: description, history, evaluation });
  });

  const read = (name: string) => readFile(join(run, name));

  test('holds the model in both forms, what it was made by, its history and its evaluation', async () => {
    expect(await readdir(run)).toEqual([
      'config.json',
      'history.jsonl',
      'metrics.json',
      'model.json',
      'model.onnx',
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
        'model.json': await sha256('model.json'),
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
    await writeRun(path, {
      model,
      config: description,
      history: [],
      evaluation: null,
    });
    expect(await readFile(join(path, 'metrics.json'), 'utf8')).toBe('null\n');
    expect(await readFile(join(path, 'history.jsonl'), 'utf8')).toBe('');
  });

  test('takes the place of one that is there, and is none until it is whole', async () => {
    const path = join(folder, 'replaced');
    const contents = { model, config: description, history: [], evaluation: null };
    await writeRun(path, contents);
    let commits = 0;
    const beforeCommit = async () => {
      if (++commits === 4) throw new Error('stopped');
    };
    await expect(writeRun(path, contents, { beforeCommit })).rejects.toThrow('stopped');
    await expect(readRun(path)).rejects.toThrow('config.json is not there');
    await writeRun(path, { ...contents, history });
    await (await readRun(path, { threads: 1 })).model.dispose();
    expect(await readFile(join(path, 'history.jsonl'), 'utf8')).toContain('val_loss');
  });

  test('does not appear for a model that is not what its description says', async () => {
    const path = join(folder, 'unfit');
    const config = { ...description, classNames: ['one', 'two'] };
    await expect(writeRun(path, { model, config, history, evaluation })).rejects.toThrow('[batch, 2]');
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
    ['without its layers', (path) => rm(join(path, 'model.json')), ['model.json is not there']],
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
    ['of another image size', configured({ imageSize: [18, 18] }), ['[batch, 17, 17, size3]', '18']],
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
      'whose layers are altered',
      edited('model.json', (text) => text.replace('relu', 'tanh')),
      ['model.json', 'altered'],
    ],
    ['whose layers are no JSON', replaced('model.json', () => '{'), ['model.json is not JSON']],
    [
      'whose layers are none',
      replaced('model.json', () => '{}'),
      ['model.json: class_name should be a text, and is missing'],
    ],
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
