import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DType } from '../src/core/dtype.ts';
import { InputLayer } from '../src/layers/input.ts';
import * as layers from '../src/layers/layers.ts';
import { deserializeLayer, modelFromJSON } from '../src/models/from-keras.ts';
import { model as functional } from '../src/models/functional.ts';
import type { Model } from '../src/models/model.ts';
import { Sequential } from '../src/models/sequential.ts';
import { goldenJson } from './support/goldens.ts';

const python = fileURLToPath(new URL('../.python/bin/python', import.meta.url));
const script = fileURLToPath(new URL('support/read_models.py', import.meta.url));

interface Row {
  readonly name: string;
  readonly layer: object;
  readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: DType }[];
}

/** A model of each layer with each of its options that the goldens know, which are all of Keras'. */
const single = goldenJson<Row[]>('layers').map(({ name, layer, inputs }): [string, () => Model] => [
  name,
  () => {
    const tensors = inputs.map(({ shape, dtype }) => new InputLayer({ shape: shape.slice(1), dtype }).output);
    return functional({ name: 'm', inputs: tensors, outputs: deserializeLayer(layer).applyAll(tensors) });
  },
]);

const x = (name: string, size = 4) => layers.input({ name, shape: [size] });
const dense = (name: string) => layers.dense({ name, units: 4 });

const connected: [string, () => Model][] = [
  [
    'several inputs and outputs',
    () => {
      const [a, b, unused] = [x('a'), x('b'), x('unused', 7)];
      const sum = layers.add({ name: 'sum' }).apply([a, dense('d').apply(b)]);
      return functional({ name: 'm', inputs: [unused, b, a], outputs: [sum, dense('e').apply(sum), a] });
    },
  ],
  [
    'a shared layer',
    () => {
      const [input, shared] = [x('x'), dense('shared')];
      const once = shared.apply(input);
      const twice = shared.apply(layers.reLU({ name: 'r' }).apply(once));
      return functional({ name: 'm', inputs: input, outputs: [twice, once] });
    },
  ],
  [
    'models in models, called twice, one in inference',
    () => {
      const bottom = x('bottom');
      const base = functional({
        name: 'base',
        inputs: bottom,
        outputs: layers.batchNormalization({ name: 'bn' }).apply(dense('d').apply(bottom)),
      });
      const stack = new Sequential({
        name: 'stack',
        layers: [dense('e'), layers.dropout({ name: 'drop', rate: 0.5 })],
      });
      const input = x('x');
      const y = base.apply(base.apply(input), { training: false });
      return functional({ name: 'm', inputs: input, outputs: [stack.apply(y, { training: false }), y] });
    },
  ],
  ['a stack', () => new Sequential({ name: 's', layers: [x('x'), dense('a'), dense('b')] })],
  ['a stack that knows no shapes', () => new Sequential({ name: 's', layers: [dense('a'), dense('b')] })],
  [
    'frozen layers',
    () => {
      const net = new Sequential({ name: 's', layers: [x('x'), dense('a'), dense('b')] });
      net.layers[0]!.trainable = false;
      return net;
    },
  ],
];

/** Keras adds notes that nothing reads, and numbers for what is shared. */
const noted = new Set(['build_config', 'compile_config', 'quantization_config', 'shared_object_id', 'mask']);

function plain(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(plain);
  if (typeof json !== 'object' || json === null) return json;
  // A policy is written by its name alone by some layers.
  if ('class_name' in json && json.class_name === 'DTypePolicy')
    return (json as unknown as { config: { name: string } }).config.name;
  const entries = Object.entries(json).filter(([key]) => !noted.has(key));
  return Object.fromEntries(entries.map(([key, value]) => [key, plain(value)]));
}

/** What Keras writes at each call of its own accord is no part of the model, nor is what only fovea reads. */
function withoutTraining(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (key, value) =>
    key === 'kwargs' ? {} : key === 'training' ? undefined : value,
  );
}

describe.skipIf(!existsSync(python))('Keras reads fovea’s JSON (needs .python) of', () => {
  const cases = [...single, ...connected].map(([name, make]) => [name, make()] as const);
  let folder: string;
  let answers: Record<string, { model: object; weights: number[][]; outputs: unknown[][] }>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-keras-'));
    const file = join(folder, 'models.json');
    await writeFile(
      file,
      JSON.stringify(Object.fromEntries(cases.map(([name, net]) => [name, JSON.stringify(net)]))),
    );
    answers = JSON.parse(
      execFileSync(python, [script, file], {
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each(cases)('%s', (name, net) => {
    const answer = answers[name]!;
    if (!net.isBuilt) {
      // Keras has no outputs then, and says so.
      expect(answer).toContain('outputs');
      return;
    }
    expect(answer, String(answer)).toBeTypeOf('object');
    expect(withoutTraining(plain(answer.model))).toEqual(withoutTraining(plain(net.toJSON())));
    expect(answer.weights).toEqual(net.weights.map(({ shape }) => shape));
    // And fovea reads what Keras writes of it.
    expect(withoutTraining(plain(modelFromJSON(answer.model).toJSON()))).toEqual(
      withoutTraining(plain(net.toJSON())),
    );
    // Keras takes glu for an activation that keeps the shape, which it halves.
    if (name === 'Activation/glu') return;
    expect(answer.outputs).toEqual(
      net.outputs.map(({ shape }) => shape.map((dim) => (typeof dim === 'number' ? dim : null))),
    );
  });
});
