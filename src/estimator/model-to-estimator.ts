import { withCustomObjects } from '../core/custom-objects.ts';
import { UsageError } from '../core/errors.ts';
import { cloneModel } from '../models/clone.ts';
import type { Model } from '../models/model.ts';
import { Estimator, type EstimatorOptions } from './estimator.ts';
import { RunConfig } from './run-config.ts';

export interface ModelToEstimatorOptions extends Omit<EstimatorOptions, 'params'> {
  /** Layers and functions of one's own, by their names, where the model has some. */
  readonly customObjects?: Parameters<typeof withCustomObjects>[0];
}

/**
 * An estimator of a compiled model, which stays as it is: the estimator has one of its own, with the same weights.
 * https://www.tensorflow.org/api_docs/python/tf/keras/estimator/model_to_estimator
 *
 * @throws {UsageError} when the model is not compiled
 * @example
 * model.compile({ optimizer: optimizers.adam(), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
 * const estimator = modelToEstimator(model, { modelDir: 'runs/1', config: { saveCheckpointsSteps: 500 } });
 */
export function modelToEstimator(model: Model, options: ModelToEstimatorOptions = {}): Estimator {
  const { customObjects = {}, config = {}, ...others } = options;
  const { compiled } = model;
  if (!compiled) throw new UsageError(`modelToEstimator: compile model '${model.name}' first`);
  const settled = config instanceof RunConfig ? config : new RunConfig(config);
  const { threads = model.runOptions.threads } = settled.settings.sessionConfig ?? {};
  const { resume: _, ...objective } = compiled;
  let copy: Model | undefined;
  const copied = async (): Promise<Model> => {
    await model.syncWeights();
    const made = withCustomObjects(customObjects, () => cloneModel(model, { ...model.runOptions, threads }));
    // Values are never changed in place, so that they can be shared.
    made.weights.forEach((weight, i) => {
      weight.value = model.weights[i]!.value;
    });
    return made;
  };
  return new Estimator(
    async () => {
      copy ??= await copied();
      return { model: copy, ...objective };
    },
    { ...others, config: settled },
  );
}
