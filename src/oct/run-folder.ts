import { createHash } from 'node:crypto';
import { access, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { decodeSafetensors, encodeSafetensorsPieces } from '../codecs/safetensors.ts';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { type FileContent, makeParentFolder, writeFailed, writeFileWhole } from '../core/files.ts';
import { packageVersion } from '../core/package.ts';
import { formatShape } from '../core/shape.ts';
import type { ResizeMethod } from '../images/resize.ts';
import { modelFromJSON } from '../models/from-keras.ts';
import type { Model } from '../models/model.ts';
import type { ModelOptions } from '../models/model-options.ts';
import { toPortableOnnx } from '../models/portable.ts';
import { assignWeights, weightsOf } from '../models/weight-files.ts';
import type { Evaluation } from './evaluation.ts';

/** How a run came about, and what its model expects of images and says of them. */
export interface RunDescription {
  /** The pretrained network, such as `vgg16`. */
  readonly backbone: string;
  /** The recipe that trained it. */
  readonly recipe: string;
  /** In the order of the model's outputs. */
  readonly classNames: readonly string[];
  /** Height and width of images, pixels. */
  readonly imageSize: readonly [number, number];
  /** How images become that size. */
  readonly resize: ResizeMethod;
  /** Of the images that it was trained on: 1 grey, 3 RGB. */
  readonly channels: 1 | 3;
  /** The recipe's settings, for people and for training again. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** `config.json` of a run folder. */
export interface RunConfig extends RunDescription {
  /** Version of the folder's format. */
  readonly format: 1;
  /** The version of fovea that wrote it. */
  readonly fovea: string;
  /** SHA-256, in hexadecimal, of the files that make up the model. */
  readonly checksums: { readonly [File in CheckedFile]: string };
}

export interface RunContents {
  readonly model: Model;
  readonly config: RunDescription;
  /** What each epoch was like, in order; plain data. */
  readonly history: readonly object[];
  readonly evaluation: Evaluation | null;
}

const format = 1;
const checkedFiles = ['weights.safetensors', 'model.json'] as const;
type CheckedFile = (typeof checkedFiles)[number];

/** By which a folder is known to be a run: it is written last. */
export const configFile = 'config.json';

/**
 * Writes a trained model with all that belongs to it into a folder, in place of a run that is there:
 *
 * - `model.onnx`: for any runtime, see `toPortableOnnx`; its metadata has the class names and the resize method
 * - `weights.safetensors`, `model.json`: for `readRun`
 * - `history.jsonl`: one epoch a line
 * - `metrics.json`: the evaluation, or null
 * - `config.json`: `RunConfig`
 *
 * @param options `beforeCommit` is waited for before each file appears
 * @throws {SystemError} when the system refuses; there is no run then
 * @example await writeRun('runs/1', { model, config, history: history.epochs, evaluation });
 */
export async function writeRun(
  path: string,
  contents: RunContents,
  options: { readonly beforeCommit?: () => Promise<void> } = {},
): Promise<void> {
  const { model, config, history, evaluation } = contents;
  checkFit(model, config, path);
  const weights = encodeSafetensorsPieces(weightsOf(model));
  const topology = new TextEncoder().encode(json(model));
  const checksums = {
    'weights.safetensors': await sha256Of(weights),
    'model.json': await sha256Of([topology]),
  };
  const written: RunConfig = { format, fovea: packageVersion(), ...config, checksums };
  const { classNames, resize } = config;
  const portable = {
    inputNames: ['images'],
    outputNames: ['probabilities'],
    classNames,
    metadata: { resize },
  };
  const files: [name: string, content: FileContent][] = [
    ['model.onnx', toPortableOnnx(model, portable)],
    ['weights.safetensors', weights],
    ['model.json', topology],
    ['history.jsonl', history.map((epoch) => `${JSON.stringify(epoch)}\n`).join('')],
    ['metrics.json', json(evaluation)],
    [configFile, json(written)],
  ];
  const last = join(path, configFile);
  await makeParentFolder(last);
  await options.beforeCommit?.();
  await rm(last, { force: true }).catch((error: unknown) => {
    throw writeFailed(last, error);
  });
  for (const [name, content] of files) await writeFileWhole(join(path, name), content, options);
}

/**
 * Reads a run's model, ready to predict.
 *
 * @throws {DataError} names the file, what is wrong with it, and what to do
 * @example const { model, config } = await readRun('runs/1', { threads: 2 });
 */
export async function readRun(
  path: string,
  options: Pick<ModelOptions, 'threads'> = {},
): Promise<{ model: Model; config: RunConfig }> {
  const { config, weights, topology } = await readParts(path);
  const topologyFile = join(path, 'model.json');
  const model = modelFromJSON(parsed(topology, topologyFile), { where: topologyFile, ...options });
  const weightsFile = join(path, 'weights.safetensors');
  assignWeights(model, decodeSafetensors(weights, weightsFile).tensors, weightsFile);
  checkFit(model, config, path);
  return { model, config };
}

/** Whether there is a run in a folder, whole or damaged. */
export async function isRun(path: string): Promise<boolean> {
  return access(join(path, configFile)).then(
    () => true,
    () => false,
  );
}

/**
 * A run's description and its figures, if it is whole.
 *
 * @throws {DataError} names the file, what is wrong with it, and what to do
 */
export async function readSummary(
  path: string,
): Promise<{ config: RunConfig; evaluation: Evaluation | null }> {
  const { config } = await readParts(path);
  const evaluation = parsed(await readPart(path, 'metrics.json'), join(path, 'metrics.json'));
  return { config, evaluation: evaluation as Evaluation | null };
}

/** The files that make up the model, each as it was written. */
async function readParts(
  path: string,
): Promise<{ config: RunConfig; weights: Uint8Array; topology: Uint8Array }> {
  const where = join(path, configFile);
  const { checkedConfig } = await import('./run-config.ts');
  const config = checkedConfig(parsed(await readPart(path, configFile), where), where);
  const [weights, topology] = await Promise.all(
    checkedFiles.map(async (name) => {
      const bytes = await readPart(path, name);
      if ((await sha256Of([bytes])) !== config.checksums[name]) {
        throw new DataError(
          `${join(path, name)} is not the file that training wrote (its SHA-256 differs): it was cut short or altered; ${again}`,
        );
      }
      return bytes;
    }),
  );
  return { config, weights: weights!, topology: topology! };
}

const again = 'fetch the folder again, or train again';

/** The model has an output for each class and takes images of the size that the description says. */
function checkFit(model: Model, { classNames, imageSize, channels }: RunDescription, where: string): void {
  const expected = [
    ['outputs', model.output.shape, ['batch', classNames.length]],
    ['inputs', model.input.shape, ['batch', ...imageSize, channels]],
  ] as const;
  for (const [what, shape, wanted] of expected) {
    const fits = wanted.every((dim, axis) => dim === shape[axis] || typeof shape[axis] === 'string');
    if (fits && shape.length === wanted.length) continue;
    throw new DataError(
      `${where}: the model's ${what} are ${formatShape(shape)}, but its class names, image size and channels say ${formatShape(wanted)}`,
    );
  }
}

async function readPart(path: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(path, name));
  } catch (error) {
    const code = errorCode(error);
    const why =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? `${name} is not there; give the folder that a training wrote`
        : errorMessage(error);
    throw new DataError(`${path} cannot be read as a run: ${why}`, { cause: error });
  }
}

function parsed(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DataError(`${where} is not JSON: ${errorMessage(error)}; ${again}`, { cause: error });
  }
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** So many bytes are hashed in a few milliseconds, and then others get their turn. */
const hashedAtOnce = 4 * 2 ** 20;

async function sha256Of(pieces: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256');
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += hashedAtOnce) {
      hash.update(piece.subarray(at, at + hashedAtOnce));
      await setImmediate();
    }
  }
  return hash.digest('hex');
}
