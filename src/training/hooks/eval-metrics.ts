import { readScalars } from '../summaries/event-folder.ts';
import type { Logs } from '../trainable.ts';

/**
 * What evaluations found, by the step of the training, in the order of steps; of two of one step, the later one. Empty
 * where there is no such folder.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/experimental/make_early_stopping_hook
 *
 * @throws {DataError} names the event file that is damaged, or cannot be read
 * @example const accuracies = [...(await readEvalMetrics('runs/oct/eval')).values()].map(({ accuracy }) => accuracy);
 */
export async function readEvalMetrics(evalDir: string): Promise<Map<number, Logs>> {
  const found = new Map<number, Record<string, number>>();
  for (const { step, tag, value } of await readScalars(evalDir)) {
    const metrics = found.get(step) ?? {};
    metrics[tag] = value;
    found.set(step, metrics);
  }
  return found;
}
