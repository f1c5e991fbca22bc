import { UsageError } from '../core/errors.ts';
import { rowRange, type Tensor, tensor } from '../core/tensor.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Model } from '../models/model.ts';
import { PassiveSession, refuseFetches } from '../training/evaluation.ts';
import type { SessionRunHook } from '../training/hook.ts';
import { declareFetches, fetchesOf, tellHooks } from '../training/listeners.ts';
import type { Examples } from '../training/trainable.ts';

export interface PredictingOptions {
  readonly hooks: readonly SessionRunHook[];
  readonly globalStep: number;
  readonly keys: readonly string[] | undefined;
  readonly single: boolean;
}

/** A model's outputs by name, for each example or each batch. */
export async function* predictions(
  model: Model,
  data: Dataset<Examples>,
  { hooks, globalStep, keys, single }: PredictingOptions,
): AsyncGenerator<Record<string, Tensor>> {
  const names = model.outputs.map(({ layer }) => layer.name);
  const unknown = keys?.find((key) => !names.includes(key));
  if (unknown !== undefined)
    throw new UsageError(
      `Estimator.predict: the model has no output '${unknown}'; it has ${names.join(', ')}`,
    );
  const session = new PassiveSession(globalStep);
  await declareFetches(hooks, [], refuseFetches);
  await tellHooks(hooks, 'afterCreateSession', (hook) => hook.afterCreateSession?.(session));
  let since = performance.now();
  for await (const outputs of model.predictBatches(data.iterate(0))) {
    fetchesOf(hooks, session);
    const batch = Object.fromEntries(names.map((name, i) => [name, outputs[i]!] as const));
    const wanted = keys ? Object.fromEntries(keys.map((key) => [key, batch[key]!])) : batch;
    const examples = outputs[0]!.shape[0]!;
    const computed = performance.now() - since;
    const values = { logs: {}, examples, learningRate: undefined, waited: 0, computed, fetched: {} };
    await tellHooks(hooks, 'afterRun', (hook) => hook.afterRun?.(session, values));
    if (single) for (let i = 0; i < examples; i++) yield exampleAt(wanted, i);
    else yield wanted;
    if (session.isStopped) break;
    since = performance.now();
  }
  await tellHooks(hooks, 'end', (hook) => hook.end?.(session));
}

/** One example of a batch, without the batch's axis. */
function exampleAt(batch: Readonly<Record<string, Tensor>>, index: number): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(batch).map(([name, values]) => {
      const row = rowRange(values, index, index + 1);
      return [name, tensor(row.dtype, row.shape.slice(1), row.data)];
    }),
  );
}
