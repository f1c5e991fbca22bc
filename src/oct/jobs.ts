import type { evaluate as Evaluate, predict as Predict } from './apply.ts';
import type { train as Train } from './train.ts';

// Each is loaded when it is first called: a program that only builds models does not wait for them.

/**
 * Trains a network on labelled images by a recipe, tests it, and saves the run.
 *
 * @param data a folder of class folders, or one with `train/` and `test/` above those, or `sample`
 * @throws {DataError | UsageError} when the data or an option cannot be used
 * @throws {ComputeError} when the training diverges
 * @throws {SystemError} when the run cannot be written
 * @example await train('OCT2017', { out: 'runs/first', seed: 1 }, (event) => console.log(event));
 */
export const train: typeof Train = async (...args) => (await import('./train.ts')).train(...args);

/**
 * Tests a saved run on the test part of a folder, or on all of it where it has no parts.
 *
 * @throws {DataError} when the run or the data cannot be used
 */
export const evaluate: typeof Evaluate = async (...args) => (await import('./apply.ts')).evaluate(...args);

/**
 * Predicts images by a saved run, and tells of each. Files named are in their order; folders are searched to their depth.
 *
 * @throws {DataError} when the run cannot be used, or no image can be read
 */
export const predict: typeof Predict = async (...args) => (await import('./apply.ts')).predict(...args);
