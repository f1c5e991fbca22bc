import { DataError, errorMessage, FoveaError, UsageError } from '../core/errors.ts';
import { Dataset } from '../data/dataset.ts';

/**
 * Makes the data apart from the model: a dataset of `[x, y]`, `[x, y, sampleWeight]` or `{ x, y }`, or of examples alone
 * to predict. Called anew for every run.
 */
export type InputFn<T> = () => Dataset<T> | Promise<Dataset<T>>;

/**
 * What an input function gives.
 *
 * @throws {UsageError} when it gives no dataset
 * @throws {DataError} when it fails
 */
export async function datasetOf<T>(inputFn: InputFn<T>, where: string): Promise<Dataset<T>> {
  let data: Dataset<T>;
  try {
    data = await inputFn();
  } catch (error) {
    if (error instanceof FoveaError) throw error;
    throw new DataError(`${where}: inputFn failed: ${errorMessage(error)}`, { cause: error });
  }
  if (data instanceof Dataset) return data;
  throw new UsageError(`${where}: inputFn must return a Dataset, got ${data}`);
}
