import type { ResizeMethod } from '../images/resize.ts';
import { defaultViewRanges, type ViewRanges } from '../images/views.ts';
import type { PixelScaleName } from '../layers/preprocessing.ts';

/** How a network is trained on labelled images, as data. */
export interface Recipe {
  readonly name: RecipeName;
  /** What pixels become before the network. */
  readonly pixels: PixelScaleName;
  readonly resize: ResizeMethod;
  /** Height and width of the input. */
  readonly imageSize: number;
  /** Views of each training image, kept through all epochs; see `images/views.ts`. */
  readonly views: number;
  readonly viewRanges: ViewRanges;
  /** What the dense softmax stands on: averages of maps side by side, standardised; or the last map, flattened. */
  readonly head: PooledHead | 'flatten';
  /** Classes count the same, however many images they have. */
  readonly balanced: boolean;
  /** The first stage: the head on the frozen backbone. */
  readonly headStage: HeadStage | undefined;
  /** The second: some of the backbone with it. */
  readonly fineTuneStage: FineTuneStage;
}

export interface PooledHead {
  /** Layers whose maps are averaged, each over so many upright strips: 1 is the whole map. */
  readonly pools: readonly { readonly layer: string; readonly strips: number }[];
  /** Averages are taken as log(average + offset): a few large activations say less than many that differ. */
  readonly logOffset: number;
}

export interface HeadStage {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** C of an L2-regularised softmax regression for each image: ‖W‖² / (2 · C · images) is added to the mean loss. */
  readonly c: number;
}

export interface FineTuneStage {
  /** Layers of the backbone that train with the head. */
  readonly layers: readonly string[];
  readonly epochs: number;
  readonly batchSize: number;
  /** Of the backbone's layers. */
  readonly learningRate: number;
  /** The head's rate is this many times as large. */
  readonly headFactor: number;
  /** Steps of linear warm-up before half a cosine; without it the rate is constant. */
  readonly warmupSteps: number | undefined;
  /** AdamW's decay; plain Adam without it. */
  readonly weightDecay: number | undefined;
  /** Fewer training images than this stay with the head alone. */
  readonly minImages: number;
}

export const recipeNames = ['default', 'tutorial'] as const;
export type RecipeName = (typeof recipeNames)[number];

const block5 = ['block5_conv1', 'block5_conv2', 'block5_conv3'];

export const recipes: Readonly<Record<RecipeName, Recipe>> = {
  /** What cross-validation within the training patients found best: docs/accuracy.md. */
  default: {
    name: 'default',
    pixels: 'caffe',
    resize: 'bilinear',
    imageSize: 224,
    views: 5,
    viewRanges: defaultViewRanges,
    head: {
      pools: [
        { layer: 'block4_pool', strips: 7 },
        { layer: 'block5_pool', strips: 1 },
      ],
      logOffset: 0.1,
    },
    balanced: true,
    headStage: { epochs: 200, batchSize: 1024, learningRate: 0.02, c: 0.1 },
    fineTuneStage: {
      layers: block5,
      epochs: 6,
      batchSize: 16,
      learningRate: 1e-4,
      headFactor: 3,
      warmupSteps: 10,
      weightDecay: 1e-4,
      minImages: 180,
    },
  },
  /** What the 2018 tutorial does, to compare with: it is not a good idea. */
  tutorial: {
    name: 'tutorial',
    pixels: 'unit',
    resize: 'bilinear-tf1',
    imageSize: 224,
    views: 1,
    viewRanges: defaultViewRanges,
    head: 'flatten',
    balanced: false,
    headStage: undefined,
    fineTuneStage: {
      layers: block5,
      epochs: 1,
      batchSize: 64,
      learningRate: 1e-3,
      headFactor: 1,
      warmupSteps: undefined,
      weightDecay: undefined,
      minImages: 0,
    },
  },
};
