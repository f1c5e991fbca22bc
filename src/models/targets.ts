import { ShapeError, UsageError } from '../core/errors.ts';
import { fromFloat16 } from '../core/float16.ts';
import { formatShape } from '../core/shape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { isTensor } from '../data/structure.ts';
import type { Batch, Fed } from '../training/trainable.ts';
import { type TargetSpec, targetName, weightName } from './measure.ts';
import { type OutputObjective, ofNamedOutputs } from './objective.ts';

/** Factors of the loss by class: a list, or a record by the classes' numbers; 1 for those that are not there. */
export type ClassWeight = ArrayLike<number> | Readonly<Record<number, number>>;

/** A batch's targets and weights, as a step is fed them. */
export interface Targets {
  readonly examples: number;
  /** The same for batches that the same graph takes, of any size. */
  readonly kind: string;
  /** Of each output that is measured. */
  readonly specs: readonly (TargetSpec | undefined)[];
  readonly feeds: Readonly<Record<string, Tensor>>;
}

/**
 * @param examples how many there are in the batch
 * @throws {UsageError} when an output that is measured has no targets, or class weights are given for several
 * @throws {ShapeError} when the counts of examples differ
 */
export function targetsOf(
  { targets, weights }: Pick<Batch, 'targets' | 'weights'>,
  objectives: readonly OutputObjective[],
  examples: number,
  classWeight?: ClassWeight,
): Targets {
  const names = objectives.map(({ name }) => name);
  const given = forEach(targets, names, 'targets');
  const ofExamples =
    weights && (isTensor(weights) ? names.map(() => weights) : forEach(weights, names, 'weights'));
  const isMeasured = ({ loss, metrics }: OutputObjective) => loss !== undefined || metrics.length > 0;
  if (classWeight && objectives.filter(isMeasured).length > 1)
    throw new UsageError(`class weights are for a model with one output; give weights of examples instead`);
  const feeds: Record<string, Tensor> = {};
  let kind = '';
  const specs = objectives.map((objective, i): TargetSpec | undefined => {
    if (!isMeasured(objective)) return undefined;
    const { name } = objective;
    const target = ofExamplesOnly(given[i], examples, `targets of '${name}'`);
    const own = ofExamples?.[i];
    const weight = weightsOf(
      target,
      own && ofExamplesOnly(own, examples, `weights of '${name}'`),
      examples,
      classWeight,
    );
    feeds[targetName(i)] = target;
    feeds[weightName(i)] = weight;
    kind += `${i}: ${target.dtype} [${target.shape.slice(1)}] [${weight.shape.slice(1)}] `;
    return { shape: target.shape, dtype: target.dtype, weightShape: weight.shape };
  });
  return { examples, kind, specs, feeds };
}

/** What was given for each output, by place or by name; a tensor alone is the only output's. */
function forEach(fed: Fed, names: readonly string[], what: string): (Tensor | undefined)[] {
  if (isTensor(fed)) {
    if (names.length === 1) return [fed];
    throw new UsageError(`${what} must be given for each of the outputs ${names.join(', ')}`);
  }
  if (typeof fed !== 'object' || fed === null)
    throw new UsageError(`${what} must be tensors for the outputs ${names.join(', ')}, got ${fed}`);
  if (Array.isArray(fed)) {
    if (fed.length === names.length || fed.length === 0) return names.map((_, i) => fed[i]);
    throw new UsageError(`${what} must be ${names.length} tensors (${names.join(', ')}), got ${fed.length}`);
  }
  return ofNamedOutputs(fed as Readonly<Record<string, Tensor>>, names, what);
}

/** A tensor with a row for each example. */
function ofExamplesOnly(value: Tensor | undefined, examples: number, what: string): Tensor {
  if (!isTensor(value)) throw new UsageError(`${what} must be a tensor, got ${value}`);
  if (value.shape[0] === examples) return value;
  throw new ShapeError(`${what} are ${formatShape(value.shape)} for ${examples} examples`);
}

/** The weight of each example's loss: its own, times its class'. */
function weightsOf(
  target: Tensor,
  own: Tensor | undefined,
  examples: number,
  classWeight: ClassWeight | undefined,
): Tensor<'float32'> {
  if (own?.dtype === 'float32' && !classWeight) return own as Tensor<'float32'>;
  const weights = own
    ? tensor('float32', own.shape, Float32Array.from(numbersOf(own), Number))
    : tensor('float32', [examples], new Float32Array(examples).fill(1));
  if (!classWeight) return weights;
  const each = weights.data.length / examples;
  classesOf(target).forEach((label, i) => {
    const factor = (classWeight as Readonly<Record<number, number>>)[label] ?? 1;
    for (let at = i * each; at < (i + 1) * each; at++) weights.data[at]! *= factor;
  });
  return weights;
}

/** The class of each example: its number, or where its row is largest. */
function classesOf(target: Tensor): number[] {
  const { shape } = target;
  const [examples = 0, size = 1] = shape;
  if (shape.length > 2)
    throw new ShapeError(
      `class weights are for targets [batch], [batch, 1] or [batch, classes], got ${formatShape(shape)}`,
    );
  const data = numbersOf(target);
  return Array.from({ length: examples }, (_, i) => {
    const first = i * size;
    if (size === 1) return Math.round(Number(data[first]));
    let largest = first;
    for (let at = first + 1; at < first + size; at++) if (data[at]! > data[largest]!) largest = at;
    return largest - first;
  });
}

function numbersOf({ dtype, data }: Tensor): ArrayLike<number> {
  return dtype === 'float16' ? fromFloat16(data as Uint16Array) : (data as Float32Array);
}
