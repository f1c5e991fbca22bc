import { vgg16 } from '../applications/vgg16.ts';
import type { Normalization } from '../layers/adapt.ts';
import {
  averagePooling2d,
  concatenate,
  dense,
  flatten,
  globalAveragePooling2d,
  input,
  logarithm,
  normalization,
  preprocessing,
} from '../layers/layers.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { Functional } from '../models/functional.ts';
import type { Model } from '../models/model.ts';
import type { ModelOptions } from '../models/model-options.ts';
import type { Recipe } from './recipes.ts';

/** The backbones that recipes know. */
export const backbones = { vgg16 } as const;
export type BackboneName = keyof typeof backbones;

/** A recipe's network, and the places in it that training needs. */
export interface Network {
  readonly model: Model;
  /** The layer that standardises features, with its input; absent where the recipe has none. */
  readonly standardise: { readonly layer: Normalization; readonly features: SymbolicTensor } | undefined;
}

/** Builds a recipe's network on ImageNet's weights; the head starts at zero where a whole stage is its own. */
export async function buildNetwork(
  recipe: Recipe,
  options: ModelOptions & { backbone: BackboneName; classes: number; imageSize: number },
): Promise<Network> {
  const { backbone, classes, imageSize, ...modelOptions } = options;
  const pixels = input({ name: 'images', shape: [imageSize, imageSize, 'channels'], dtype: 'uint8' });
  const prepared = preprocessing({ name: 'preprocessing', mode: recipe.pixels }).apply(pixels);
  const base = await backbones[backbone]({ includeTop: false, inputTensor: prepared, ...modelOptions });
  const head = (x: SymbolicTensor) =>
    dense({
      name: 'head',
      units: classes,
      activation: 'softmax',
      kernelInitializer: recipe.headStage ? 'zeros' : 'glorotUniform',
    }).apply(x);

  if (recipe.head === 'flatten') {
    const outputs = head(flatten({ name: 'flatten' }).apply(base.output));
    return {
      model: new Functional({ inputs: pixels, outputs, name: recipe.name }, modelOptions),
      standardise: undefined,
    };
  }
  const { pools, logOffset } = recipe.head;
  const averages = pools.map(({ layer: name, strips }) => {
    const map = base.getLayer(name).output;
    return stripAverages(map, strips);
  });
  const all = averages.length > 1 ? concatenate({ name: 'averages' }).apply(averages) : averages[0]!;
  const features = logarithm({ name: 'features', offset: logOffset }).apply(all);
  const layer = normalization({ name: 'standardised' });
  const outputs = head(layer.apply(features));
  return {
    model: new Functional({ inputs: pixels, outputs, name: recipe.name }, modelOptions),
    standardise: { layer, features },
  };
}

/** The averages of a map over upright strips of equal width, [batch, strips · channels]; a narrow map has fewer. */
function stripAverages(map: SymbolicTensor, strips: number): SymbolicTensor {
  const [, height, width] = map.shape as readonly [string, number, number];
  const { name } = map.layer;
  if (strips === 1) return globalAveragePooling2d({ name: `${name}_average` }).apply(map);
  const poolSize = [height, Math.max(1, Math.floor(width / strips))] as const;
  const pooled = averagePooling2d({ name: `${name}_strips`, poolSize }).apply(map);
  return flatten({ name: `${name}_averages` }).apply(pooled);
}
