import { ShapeError, UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { rowRange, type Tensor, tensor } from '../core/tensor.ts';
import type { Dataset } from '../data/dataset.ts';
import { isTensor } from '../data/structure.ts';
import { type BatchElement, batchesOf } from '../models/elements.ts';
import type { Model } from '../models/model.ts';
import { type ClassifiedExample, writeClassification } from '../training/summaries/classification.ts';
import type { SummaryWriter } from '../training/summaries/summary-writer.ts';

/** What an evaluation of a classifier shows beside its numbers. */
export interface EvaluationImages {
  /** In the order of the model's outputs. */
  readonly classNames: readonly string[];
  /** So many of the first examples are shown with what is predicted of them, where they are images. Default 8. */
  readonly examples?: number;
}

const where = 'Estimator.evaluate: images';

/**
 * Predicts the data once more, and writes the confusion matrix (`confusion`, as a table `confusion/table`) and some
 * examples (`examples`, what they are and were taken for in `examples/predictions`).
 *
 * @param steps batches at most
 * @throws {UsageError} when the model is no classifier with one output for each class
 */
export async function writeEvaluationImages(
  writer: SummaryWriter,
  globalStep: number,
  model: Model,
  data: Dataset<BatchElement>,
  steps: number,
  { classNames, examples = 8 }: EvaluationImages,
): Promise<void> {
  const classes = classNames.length;
  const { shape } = model.output;
  if (shape.length !== 2 || shape[1] !== classes)
    throw new UsageError(`${where}: ${classes} class names for a model that gives ${formatShape(shape)}`);
  const counts = classNames.map(() => new Array<number>(classes).fill(0));
  const shown: ClassifiedExample[] = [];
  let step = 0;
  for await (const { inputs, targets } of batchesOf(data, where).iterate(0)) {
    if (step++ === steps) break;
    const fed = typeof inputs === 'function' ? await inputs() : inputs;
    const predicted = await model.predictOnBatch(fed);
    const labels = labelsOf(targets, classes);
    for (const [i, label] of labels.entries()) {
      const row = rowRange(predicted, i, i + 1).data;
      const found = row.indexOf(Math.max(...row));
      counts[label]![found]!++;
      if (shown.length === examples || !isTensor(fed) || !isImages(fed)) continue;
      shown.push({
        image: asPixels(rowRange(fed, i, i + 1)),
        name: `example ${shown.length}`,
        label: classNames[label]!,
        predicted: classNames[found]!,
        probability: row[found]!,
      });
    }
  }
  await writeClassification(writer, globalStep, counts, classNames, shown);
}

/** One-hot rows or numbers of classes. */
function labelsOf(targets: unknown, classes: number): number[] {
  if (!isTensor(targets)) throw new UsageError(`${where}: one tensor of targets is expected`);
  const { data, shape } = targets;
  const [count, width = 1] = shape as readonly number[];
  const isOneHot = width === classes && shape.length === 2;
  if (!isOneHot && width !== 1)
    throw new ShapeError(
      `${where}: targets must be [batch], [batch, 1] or [batch, ${classes}], got ${formatShape(shape)}`,
    );
  return Array.from({ length: count! }, (_, i) => {
    if (!isOneHot) return Number(data[i]);
    const row = Array.from(data.subarray(i * width, (i + 1) * width) as Float32Array);
    return row.indexOf(Math.max(...row));
  });
}

const isImages = ({ shape }: Tensor): boolean => shape.length === 4 && (shape[3] === 1 || shape[3] === 3);

/** An image [1, height, width, channels] as pixels; other numbers than bytes fill the range from black to white. */
function asPixels({ dtype, shape, data }: Tensor): Tensor<'uint8'> {
  const size = shape.slice(1);
  if (dtype === 'uint8') return tensor('uint8', size, (data as Uint8Array).slice());
  const values = Float32Array.from(data as Float32Array);
  const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)] as const, [
    Infinity,
    -Infinity,
  ] as readonly [number, number]);
  const scale = high > low ? 255 / (high - low) : 0;
  return tensor(
    'uint8',
    size,
    Uint8Array.from(values, (value) => Math.round((value - low) * scale)),
  );
}
