import { DatasetIterator } from './iterator.ts';
import { MapPass } from './map.ts';
import { GeneratedPass } from './sources.ts';

/** Applies `fn` to up to `parallel` elements at a time; results keep their order. */
export function mapElements<T, U>(
  source: AsyncIterable<T>,
  fn: (element: T) => U | Promise<U>,
  parallel: number,
): AsyncIterableIterator<U> {
  const context = { saving: false, pace: { ahead: true } };
  const limit = { value: parallel, waited: () => {} };
  const open = () =>
    new MapPass(new GeneratedPass('map', () => source[Symbol.asyncIterator]()), fn, {
      step: 'map',
      limit,
      inOrder: true,
      context,
    });
  return new DatasetIterator({ epoch: 0, open, saving: false });
}
