/** Keras' metrics that are to fall, without underscores: its names, its short ones, and those of `metrics`. */
const falling = [
  'loss',
  'bce',
  'binarycrossentropy',
  'categoricalcrossentropy',
  'categoricalhinge',
  'ce',
  'crossentropy',
  'hinge',
  'kldivergence',
  'logcosh',
  'logcosherror',
  'mae',
  'mape',
  'meanabsoluteerror',
  'meanabsolutepercentageerror',
  'meansquarederror',
  'meansquaredlogarithmicerror',
  'mse',
  'msle',
  'poisson',
  'rootmeansquarederror',
  'sparsecategoricalcrossentropy',
  'squaredhinge',
];

const rising = [
  'acc',
  'accuracy',
  'auc',
  'binaryaccuracy',
  'binaryiou',
  'categoricalaccuracy',
  'concordancecorrelation',
  'cosinesimilarity',
  'f1score',
  'fbetascore',
  'iou',
  'meaniou',
  'onehotiou',
  'onehotmeaniou',
  'pearsoncorrelation',
  'precision',
  'precisionatrecall',
  'r2score',
  'recall',
  'recallatprecision',
  'sensitivityatspecificity',
  'sparsecategoricalaccuracy',
  'sparsetopkcategoricalaccuracy',
  'specificityatsensitivity',
  'topkcategoricalaccuracy',
];

/**
 * Whether a number of the logs is to fall or to rise, by its name; undefined where that is no metric of Keras with a
 * direction. `auc_1` is a second AUC, and a name that ends in `_loss` is the loss of an output.
 */
export function directionOf(name: string): 'min' | 'max' | undefined {
  const own = name.replace(/^val_/, '');
  const plain = own.replace(/_\d+$/, '').replaceAll('_', '').toLowerCase();
  if (falling.includes(plain) || own.endsWith('_loss')) return 'min';
  return rising.includes(plain) ? 'max' : undefined;
}
