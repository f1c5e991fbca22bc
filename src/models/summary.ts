import { bytesPerElement } from '../core/dtype.ts';
import { formatShape } from '../core/shape.ts';
import { elementCount } from '../core/tensor.ts';
import type { Layer, SymbolicTensor, Weight } from '../layers/layer.ts';
import { between } from './topology.ts';

export function countParams(weights: readonly Weight[]): number {
  return weights.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

function megabytes(weights: readonly Weight[]): string {
  const bytes = countParams(weights) * bytesPerElement('float32');
  return bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(2)} KB` : `${(bytes / 2 ** 20).toFixed(2)} MB`;
}

/** Keras' table of a model: each layer with its output and count of parameters. */
export function summaryTable(
  name: string,
  outputs: readonly SymbolicTensor[],
  layers: readonly Layer[],
): string {
  const number = (value: number) => value.toLocaleString('en-US');
  const rows = between(outputs).map(({ layer, shape }) => [
    `${layer.name} (${layer.className})`,
    formatShape(shape),
    number(countParams(layer.weights)),
    layer.weights.length === 0 ? '' : layer.trainableWeights.length > 0 ? 'yes' : 'no',
  ]);
  const header = ['Layer (type)', 'Output shape', 'Params', 'Trainable'];
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  const weights = layers.flatMap((layer) => layer.weights);
  const trainable = layers.flatMap((layer) => layer.trainableWeights);
  const frozen = weights.filter((weight) => !trainable.includes(weight));
  const totals = [
    ['Total params', weights],
    ['Trainable params', trainable],
    ['Non-trainable params', frozen],
  ] as const;
  return [
    `Model: "${name}"`,
    line(header),
    widths.map((width) => '─'.repeat(width)).join('──'),
    ...rows.map(line),
    '',
    ...totals.map(([title, list]) => `${title}: ${number(countParams(list))} (${megabytes(list)})`),
  ].join('\n');
}
