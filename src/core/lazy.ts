import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * A package that functions need which do not wait, loaded when it is first used: importing the library stays fast.
 *
 * @example const wireFormat = lazily<typeof Wire>('@bufbuild/protobuf/wire');
 */
export function lazily<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => {
    loaded ??= require(name) as T;
    return loaded;
  };
}
