import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { frameTfRecord } from '../src/codecs/tfrecord.ts';
import { samplesPath } from '../src/datasets/samples.ts';
import { sharedData } from './support/goldens.ts';
import { idxBytes } from './support/idx.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('..', import.meta.url));
const examples = join(repository, 'examples');

/** Within the package, so that its own name leads to it. */
let folder: string;
beforeAll(async () => {
  await mkdir(join(repository, 'runs'), { recursive: true });
  folder = await mkdtemp(join(repository, 'runs', 'examples-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What an example prints, run as a user runs it: on the built package, in a process of its own. */
async function printed(name: string, args: readonly string[] = []): Promise<string> {
  const source = await readFile(join(examples, name), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
    },
  });
  const file = join(folder, name.replace(/ts$/, 'js'));
  await writeFile(file, outputText);
  return (await run(process.execPath, [file, ...args])).stdout;
}

const expected: Record<string, string> = {
  'custom-layer.ts': 'accuracy 1\nthe same when it is loaded true\n',
  'custom-operator.ts': 'accuracy 1\nscales have moved true\n',
};

test('every example is here', async () => {
  expect((await readdir(examples)).filter((name) => name.endsWith('.ts'))).toEqual(
    [
      ...Object.keys(expected),
      'estimator-fashion-mnist.ts',
      'estimator-oct.ts',
      'fashion-mnist.ts',
      'input-fn-fashion-mnist.ts',
      'input-fn-oct.ts',
    ].sort(),
  );
});

test.each(Object.entries(expected))('%s', async (name, output) => {
  expect(await printed(name)).toBe(output);
});

/** A data set of Fashion-MNIST's form, in which each class is a bar at a place of its own. */
async function writeBars(path: string, count: number): Promise<void> {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const images = new Uint8Array(count * 28 * 28);
  labels.forEach((label, i) => {
    for (let row = 0; row < 28; row++)
      images.fill(200 + (i % 7), (i * 28 + row) * 28 + 2 * label, (i * 28 + row) * 28 + 2 * label + 3);
  });
  await mkdir(path);
  for (const part of ['train', 't10k']) {
    await writeFile(join(path, `${part}-images-idx3-ubyte`), idxBytes(0x08, [count, 28, 28], images));
    await writeFile(join(path, `${part}-labels-idx1-ubyte`), idxBytes(0x08, [count], labels));
  }
}

test.each(['', '--leaky-relu'])('fashion-mnist.ts %s', async (option) => {
  const path = join(folder, `bars${option}`);
  await writeBars(path, 100);
  const options = ['--path', path, '--epochs', '25', '--batch-size', '50', ...(option ? [option] : [])];
  const output = await printed('fashion-mnist.ts', options);
  expect(output).toContain('100 images to train, 100 to test');
  expect(output).toContain('Total params: 93,322');
  expect(output.includes('leaky_re_lu')).toBe(option === '--leaky-relu');
  expect(Number(/accuracy ([\d.]+)/.exec(output)![1])).toBeGreaterThan(0.9);
  expect(output).toContain('the first test image is T-shirt/top, taken for T-shirt/top');
});

test('input-fn-fashion-mnist.ts', async () => {
  const path = join(folder, 'bars of tensors');
  await writeBars(path, 100);
  const output = await printed('input-fn-fashion-mnist.ts', [
    '--path',
    path,
    '--epochs',
    '40',
    '--batch-size',
    '30',
  ]);
  const [spec, batches, accuracy] = output.split('\n');
  expect(JSON.parse(spec!.replace('elements are ', ''))).toEqual([
    { dtype: 'float32', shape: ['batch', 28, 28, 1] },
    { dtype: 'float32', shape: ['batch', 10] },
  ]);
  expect(batches).toBe('134 batches'); // passes are not kept apart: ⌈40 · 100 / 30⌉
  expect(Number(/accuracy ([\d.]+)/.exec(accuracy!)![1])).toBeGreaterThan(0.9);
});

test('estimator-fashion-mnist.ts', async () => {
  const modelDir = join(folder, 'fashion-mnist');
  let path = sharedData('fashion-mnist-sample');
  if (path === undefined) {
    path = join(folder, 'bars of the estimator');
    await writeBars(path, 1000);
  }
  const args = ['--path', path, '--epochs', '4', '--batch-size', '100', '--model-dir', modelDir];
  const output = await printed('estimator-fashion-mnist.ts', args);
  expect(output).toContain('Total params: 93,322');
  const [, steps] = /^total time: [\d.]+ seconds for (\d+) steps$/m.exec(output)!;
  expect(output).toMatch(/^average time per batch: \d+\.\d+ seconds$/m);
  expect(output).toMatch(/^\d+ images\/second$/m);
  expect(output).toContain(`globalStep: ${steps}`);
  expect(Number(/accuracy: ([\d.]+)/.exec(output)![1])).toBeGreaterThan(0.6);
  const names = (await readdir(modelDir)).map((name) => name.replace(/^(events)\..*/, '$1'));
  expect(names.sort()).toEqual(['checkpoint', 'eval', 'events', `model.ckpt-${steps}.safetensors`]);
});

test('estimator-oct.ts, started twice', async () => {
  const modelDir = join(folder, 'oct');
  const args = ['--image-size', '64', '--batch-size', '8', '--steps', '2', '--model-dir', modelDir];
  for (const globalStep of [2, 4]) {
    const output = await printed('estimator-oct.ts', args);
    expect(output).toMatch(/^total time: [\d.]+ seconds for 2 steps$/m);
    expect(output).toMatch(/^\d+\.\d images\/second$/m);
    expect(output).toContain(`globalStep: ${globalStep}`);
    expect(Number(/accuracy: ([\d.]+)/.exec(output)![1])).toBeGreaterThan(0);
  }
});

const octOutput = (side: number) =>
  `elements are [{"dtype":"float32","shape":["batch",${side},${side},3]},{"dtype":"float32","shape":["batch",4]}]\nthe loss of one step is a number true\n`;

test('input-fn-oct.ts', async () => {
  const size = ['--image-size', '64', '--batch-size', '16'];
  expect(await printed('input-fn-oct.ts', size)).toBe(octOutput(64));
});

/** A field of a protocol buffer that holds bytes: its number, their length, the bytes. */
function field(number: number, bytes: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

/** A tf.train.Example of an image file and its label. */
function example(image: Uint8Array, label: number): Uint8Array {
  const feature = (name: string, list: Uint8Array) =>
    field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, list)]));
  const int64s = field(3, field(1, Buffer.from([label])));
  const bytes = field(1, field(1, image));
  return field(1, Buffer.concat([feature('image', bytes), feature('label', int64s)]));
}

test('input-fn-oct.ts --records', async () => {
  const classes = ['CNV', 'DME', 'DRUSEN', 'NORMAL'];
  for (const [label, name] of classes.entries()) {
    const source = join(samplesPath(), 'train', name);
    const files = (await readdir(source)).slice(0, 3);
    const records = await Promise.all(
      files.map(async (file) => frameTfRecord(example(await readFile(join(source, file)), label))),
    );
    await writeFile(join(folder, `${name}.tfrecord`), Buffer.concat(records));
  }
  const options = ['--records', join(folder, '*.tfrecord'), '--image-size', '32', '--batch-size', '12'];
  expect(await printed('input-fn-oct.ts', options)).toBe(octOutput(32));
});
