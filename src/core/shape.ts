import { ShapeError } from './errors.ts';

/**
 * One dimension: a number, or a symbol such as `'batch'` whose size is known only when the graph runs, or a number of
 * rows that follows from one: `'49*batch'`, `'49*batch+1'`. One symbol at most, which is all that a batch needs.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** `[batch, 224, 224, 3]` */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** A dimension as factor · symbol + offset; a number has the factor 0. */
interface Linear {
  readonly factor: number;
  readonly symbol: string;
  readonly offset: number;
}

function linear(dim: Dim): Linear {
  if (typeof dim === 'number') return { factor: 0, symbol: '', offset: dim };
  const [, factor = '1', symbol = '', offset = '0'] = /^(?:(\d+)\*)?([^*+]+)(?:\+(\d+))?$/.exec(dim) ?? [];
  return { factor: Number(factor), symbol, offset: Number(offset) };
}

function toDim({ factor, symbol, offset }: Linear): Dim {
  if (factor === 0) return offset;
  return `${factor === 1 ? '' : `${factor}*`}${symbol}${offset === 0 ? '' : `+${offset}`}`;
}

/** The product of two dimensions, of which one at most may be symbolic. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'string' && typeof b === 'string') {
    throw new ShapeError(`the product of two symbolic dimensions, ${a} and ${b}, is not supported`);
  }
  const [by, { factor, symbol, offset }] = typeof a === 'number' ? [a, linear(b)] : [b as number, linear(a)];
  return toDim({ factor: factor * by, symbol, offset: offset * by });
}

/** `a / b` where that is whole for every size of a symbol; `undefined` where it is not. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  const [x, y] = [linear(a), linear(b)];
  if (y.factor !== 0) {
    const ratio = x.factor / y.factor;
    return x.symbol === y.symbol && Number.isInteger(ratio) && x.offset === ratio * y.offset
      ? ratio
      : undefined;
  }
  if (y.offset === 0 || x.factor % y.offset !== 0 || x.offset % y.offset !== 0) return undefined;
  return toDim({ factor: x.factor / y.offset, symbol: x.symbol, offset: x.offset / y.offset });
}

/** The sum of two dimensions, of one symbol at most. */
export function addDims(a: Dim, b: Dim): Dim {
  const [x, y] = [linear(a), linear(b)];
  if (x.symbol && y.symbol && x.symbol !== y.symbol) {
    throw new ShapeError(`the sum of two symbolic dimensions, ${a} and ${b}, is not supported`);
  }
  return toDim({ factor: x.factor + y.factor, symbol: x.symbol || y.symbol, offset: x.offset + y.offset });
}

/** How many elements a shape holds. */
export function sizeOf(shape: Shape): Dim {
  return shape.reduce(multiplyDims, 1);
}

/** The shape as plain numbers; an error that says `what` if a dimension is symbolic. */
export function staticShape(shape: Shape, what: string): number[] {
  return shape.map((dim) => staticDim(dim, what));
}

export function staticDim(dim: Dim, what: string): number {
  if (typeof dim !== 'number') throw new ShapeError(`${what}: a known size is needed, got '${dim}'`);
  return dim;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** The shape that NumPy's broadcasting gives, or `undefined` where the shapes do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const da = a[a.length - rank + i] ?? 1;
    const db = b[b.length - rank + i] ?? 1;
    if (da !== db && da !== 1 && db !== 1) return undefined;
    result.push(da === 1 ? db : da);
  }
  return result;
}

/** `axis` counted from the front; negative ones count from the back. */
export function normalizeAxis(axis: number, rank: number, what: string): number {
  const index = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || index < 0 || index >= rank) {
    throw new ShapeError(`${what}: axis must lie in [${-rank}, ${rank}), got ${axis}`);
  }
  return index;
}
