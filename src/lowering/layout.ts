import { type Dim, multiplyDims, type Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { reshape, transpose } from '../ops/shaping.ts';
import { type Address, pick, type Rows } from './rows.ts';

/**
 * The order in which the elements of images [batch, height, width, channels] lie.
 * - `plain`: as the shape says.
 * - `channelsFirst`: [batch, channels, height, width], what ONNX's Conv and pools want.
 * - `tiles`: rows [size² · batch · tiles, channels], as Winograd leaves them: pixel (y, x) is at place
 *   (y mod size, x mod size) of tile (⌊y / size⌋, ⌊x / size⌋). The last tiles may reach beyond the image.
 * - `imagesLast`: [height, width, channels, batch], so that small images with few channels make wide products, and pixels
 *   are moved in blocks.
 */
export type Layout =
  | { readonly kind: 'plain' }
  | { readonly kind: 'channelsFirst' }
  | { readonly kind: 'imagesLast' }
  | { readonly kind: 'tiles'; readonly size: number };

export const plain: Layout = { kind: 'plain' };
export const channelsFirst: Layout = { kind: 'channelsFirst' };
export const imagesLast: Layout = { kind: 'imagesLast' };
export const tiles = (size: number): Layout => ({ kind: 'tiles', size });

export function sameLayout(a: Layout, b: Layout): boolean {
  return a.kind === b.kind && (a.kind !== 'tiles' || a.size === (b as typeof a).size);
}

/** A value of the graph that is being lowered, in the layout that suits its arithmetic. */
export interface Lowered {
  readonly value: Value;
  readonly layout: Layout;
  /** The shape it has in the graph, whatever the layout. */
  readonly shape: Shape;
  /** Rows of tiles outside the image are known to be zero, as gradients need it. */
  readonly clean: boolean;
  /** Of images last: some of the pixels, where these are computed without the others. */
  readonly at?: (pixels: readonly number[]) => Value;
  /** Of images last: all that is not zero, in pieces that share no pixel. */
  readonly pieces?: readonly Piece[];
}

/** What is known of images before they are computed. */
export type Images = Pick<Lowered, 'shape' | 'layout'>;

/** Some pixels of images, by their numbers (y · width + x): [pixels, channels, batch]. */
export interface Piece {
  readonly pixels: readonly number[];
  readonly value: Value;
}

export function asPlain(value: Value): Lowered {
  return { value, layout: plain, shape: value.shape, clean: true };
}

/** Height, width and channels of lowered images; shapes of images are known when they are lowered. */
export function sizeOfImages({ shape }: Pick<Lowered, 'shape'>): [number, number, number] {
  return [shape[1] as number, shape[2] as number, shape[3] as number];
}

/** The pixel that place (lead, trail) of a layout's rows holds, and its inverse. */
export interface RowOrder {
  readonly lead: number;
  readonly trail: number;
  pixel(lead: number, trail: number): readonly [y: number, x: number] | undefined;
  address(y: number, x: number): Address;
}

export function rowOrder(layout: Layout, height: number, width: number): RowOrder {
  const size = layout.kind === 'tiles' ? layout.size : 0;
  if (size === 0) {
    return {
      lead: 1,
      trail: height * width,
      pixel: (_, place) => [Math.floor(place / width), place % width],
      address: (y, x) => ({ a: 0, c: y * width + x }),
    };
  }
  const [across, count] = [Math.ceil(width / size), Math.ceil(height / size) * Math.ceil(width / size)];
  return {
    lead: size * size,
    trail: count,
    pixel(place, tile) {
      const y = Math.floor(tile / across) * size + Math.floor(place / size);
      const x = (tile % across) * size + (place % size);
      return y < height && x < width ? [y, x] : undefined;
    },
    address: (y, x) => ({
      a: ((y % size) * size + (x % size)) * count,
      c: Math.floor(y / size) * across + Math.floor(x / size),
    }),
  };
}

/** The layout of images' rows: those whose channels do not come last become plain. */
export function rowLayout({ layout }: Pick<Lowered, 'layout'>): Layout {
  return layout.kind === 'tiles' ? layout : plain;
}

/** Images as rows, in the order of their layout. */
export function rowsOf(images: Lowered): { rows: Rows; order: RowOrder } {
  const rowLike = convert(images, rowLayout(images));
  const [height, width, channels] = sizeOfImages(images);
  const order = rowOrder(rowLike.layout, height, width);
  const count = order.lead * order.trail;
  const value =
    rowLike.layout.kind === 'plain'
      ? reshape(rowLike.value, { shape: [multiplyDims(count, images.shape[0] as Dim), channels] })
      : rowLike.value;
  return { rows: { value, count, perImage: order.trail }, order };
}

/** Rows of images, in the order of `layout`, back as lowered images. */
export function fromRows(rows: Value, layout: Layout, shape: Shape, clean: boolean): Lowered {
  const value = layout.kind === 'plain' ? reshape(rows, { shape }) : rows;
  return { value, layout, shape, clean };
}

/** The axes of [batch, height, width, channels] in the order in which a layout has them. */
const axes = {
  plain: [0, 1, 2, 3],
  channelsFirst: [0, 3, 1, 2],
  imagesLast: [1, 2, 3, 0],
} as const satisfies Partial<Record<Layout['kind'], readonly number[]>>;

/** The same images in another layout; in tiles, what lies outside the image is zero. */
export function convert(images: Lowered, layout: Layout): Lowered {
  const { value, layout: from, shape } = images;
  if (sameLayout(from, layout)) return images;
  if (from.kind !== 'tiles' && layout.kind !== 'tiles') {
    const held: readonly number[] = axes[from.kind];
    const perm = axes[layout.kind].map((axis) => held.indexOf(axis));
    return { value: transpose(value, { perm }), layout, shape, clean: true };
  }
  // Tiles have rows, and those are made of plain images.
  const between = from.kind === 'tiles' ? layout : from;
  if (between.kind !== 'tiles' && between.kind !== 'plain') return convert(convert(images, plain), layout);
  const [height, width] = sizeOfImages(images);
  const { rows, order: source } = rowsOf(images);
  const target = rowOrder(layout, height, width);
  const picked = pick(rows, target.lead, target.trail, (lead, trail) => {
    const pixel = target.pixel(lead, trail);
    return pixel && source.address(...pixel);
  });
  return fromRows(picked, layout, shape, true);
}

/** The same images, rows outside them zero. */
export function cleaned(images: Lowered): Lowered {
  return images.clean ? images : convert(convert(images, plain), images.layout);
}

/** How many images a value holds. */
export function batchOf({ shape }: Pick<Lowered, 'shape'>): Dim {
  return shape[0]!;
}
