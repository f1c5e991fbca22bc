import type { Layer } from '../layers/layer.ts';
import type { Model } from './model.ts';

const isModel = (layer: Layer): layer is Model => layer.nested !== undefined;

/** The layers of a model and of the models in it, each model before its layers. */
export function everyLayer(model: Model): Layer[] {
  return model.layers.flatMap((layer) => (isModel(layer) ? [layer, ...everyLayer(layer)] : [layer]));
}

/** The layers of a model and of the models in it that are no models themselves. */
export function leavesOf(layers: readonly Layer[]): Layer[] {
  return layers.flatMap((layer) => (isModel(layer) ? leavesOf(layer.layers) : [layer]));
}

/** Sets a model's own flag, which its setter would hand down: each layer in it keeps its own. */
export function setOwnFlag(model: Model, trainable: boolean): void {
  const flags = everyLayer(model).map((layer) => [layer, layer.trainable] as const);
  model.trainable = trainable;
  for (const [layer, flag] of flags) layer.trainable = flag;
}
