import { type ConfigOf, count, flag, optional, resolveOptions } from '../core/options.ts';
import { elementCount } from '../core/tensor.ts';
import type { Layer, Weight } from '../layers/layer.ts';
import type { Node, SymbolicTensor } from '../layers/symbolic.ts';
import type { Model } from './model.ts';
import { type Column, tableText } from './table.ts';
import { callsByLayer, nodesBetween } from './topology.ts';

const summaryOptions = {
  /** A column with Y or N for layers with weights. Default false. */
  showTrainable: optional(flag, false),
  /** Lists the layers of models in the model too. Default false. */
  expandNested: optional(flag, false),
  /** Characters in a line at most. Default 120. */
  lineLength: optional(count, 120),
};

export type SummaryOptions = ConfigOf<typeof summaryOptions>;

/** `model.summary`, which documents it. */
export function summaryOf(model: Model, options: SummaryOptions): string {
  const given = resolveOptions(summaryOptions, options, `model '${model.name}': summary`);
  const { showTrainable, expandNested } = given;
  const isPlain = isStack(model);
  const columns: Column[] = [
    { title: 'Layer (type)', align: 'left' },
    { title: 'Output Shape', align: 'left' },
    { title: 'Param #', align: 'right' },
    ...(isPlain ? [] : [{ title: 'Connected to', align: 'left' } as const]),
    ...(showTrainable ? [{ title: 'Trainable', align: 'center' } as const] : []),
  ];
  const rowsOf = (within: Model, level: number): string[][] => {
    const calls = callsOf(within);
    return within.layers.flatMap((layer) => {
      const row = [
        `${level > 0 ? `${'   '.repeat(level)}└ ` : ''}${layer.name} (${layer.className})`,
        shapesOf(layer, calls),
        number(layer.countParams()),
        ...(isPlain ? [] : [connections(layer, calls)]),
        ...(showTrainable ? [layer.weights.length === 0 ? '-' : layer.trainable ? 'Y' : 'N'] : []),
      ];
      return [row, ...(expandNested && layer.nested ? rowsOf(layer as Model, level + 1) : [])];
    });
  };
  const totals = [
    ['Total', model.weights],
    ['Trainable', model.trainableWeights],
    ['Non-trainable', model.nonTrainableWeights],
  ] as const;
  return [
    `Model: "${model.name}"`,
    ...tableText(columns, rowsOf(model, 0), given.lineLength),
    ...totals.map(([title, weights]) => ` ${title} params: ${number(paramsOf(weights))} (${size(weights)})`),
  ].join('\n');
}

const number = (value: number) => value.toLocaleString('en-US');
const paramsOf = (weights: readonly Weight[]) =>
  weights.reduce((sum, { shape }) => sum + elementCount(shape), 0);

/** In the precision that the weights are kept in. */
function size(weights: readonly Weight[]): string {
  let bytes = weights.reduce(
    (sum, { shape, value }) => sum + elementCount(shape) * (value?.dtype === 'float16' ? 2 : 4),
    0,
  );
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  while (bytes >= 1024 && units.length > 1) {
    bytes /= 1024;
    units.shift();
  }
  return `${bytes.toFixed(2)} ${units[0]}`;
}

/** The calls of each layer in a model; none while shapes are not known. */
export function callsOf(model: Model): ReadonlyMap<Layer, readonly Node[]> {
  if (!model.isBuilt) return new Map();
  const { inputs, outputs } = model;
  return callsByLayer([...inputs.map(({ node }) => node), ...nodesBetween(outputs, new Set(inputs))]);
}

/** `(None, 8)`, as Keras writes a shape. */
export function kerasShape({ shape }: SymbolicTensor): string {
  const sizes = shape.map((dim) => (typeof dim === 'number' ? dim : 'None'));
  return sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(', ')})`;
}

function shapesOf(layer: Layer, calls: ReadonlyMap<Layer, readonly Node[]>): string {
  const [first] = calls.get(layer) ?? [];
  if (!first) return '?';
  const shapes = first.outputs.map(kerasShape);
  return shapes.length === 1 ? shapes[0]! : `[${shapes.join(', ')}]`;
}

/** `conv1[0][0], pool[1][0]`: layer, its call, the output of it. */
function connections(layer: Layer, calls: ReadonlyMap<Layer, readonly Node[]>): string {
  const from = ({ layer: source, node, index }: SymbolicTensor) =>
    `${source.name}[${Math.max(0, calls.get(source)?.indexOf(node) ?? 0)}][${index}]`;
  const nodes = calls.get(layer) ?? [];
  return nodes.flatMap((node) => node.inputs.map(from)).join(', ') || '-';
}

/** Whether each layer takes what the one before it gives, and nothing else. */
function isStack(model: Model): boolean {
  if (!model.isBuilt) return true;
  const { inputs, outputs } = model;
  let below = inputs[0]!;
  const nodes = nodesBetween(outputs, new Set(inputs));
  const follows = nodes.every((node) => {
    const fits = node.inputs.length === 1 && node.inputs[0] === below && node.outputs.length === 1;
    below = node.outputs[0]!;
    return fits;
  });
  const called = new Set(nodes.map(({ layer }) => layer));
  return follows && inputs.length === 1 && outputs.length === 1 && called.size === nodes.length;
}
