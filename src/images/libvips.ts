import type Sharp from 'sharp';

let loaded: Promise<typeof Sharp> | undefined;

/** libvips, loaded when it is first used. */
export function libvips(): Promise<typeof Sharp> {
  loaded ??= import('sharp').then(({ default: sharp }) => {
    // One image is decoded on one thread; the pool has as many threads as it wants.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loaded;
}
