/**
 * Cross-validates a recipe by patient: `node scripts/cross-validate.mjs [--part train|all] [--folds 5] [--repeats 1]
 * [--views 5] [--c 0.1] [--fine-tune] [--seed 0] [--data samples/oct] [--folds-file FILE]`. Settings are chosen with
 * `--part train`, which never looks at the test part; `--folds-file` writes the folds for scripts/recipe_pytorch.py.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkImages } from '../dist/modules/datasets/check-images.js';
import { imageDataset } from '../dist/modules/datasets/image-dataset.js';
import { scanLabelledFolder } from '../dist/modules/datasets/labelled-folder.js';
import { patientFolds } from '../dist/modules/datasets/patients.js';
import { ImagePool } from '../dist/modules/images/pool.js';
import { buildNetwork } from '../dist/modules/oct/network.js';
import { recipes } from '../dist/modules/oct/recipes.js';
import { fineTune, fitHead, stageContext } from '../dist/modules/oct/stages.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: 'samples/oct' },
    part: { type: 'string', default: 'train' },
    folds: { type: 'string', default: '5' },
    repeats: { type: 'string', default: '1' },
    seed: { type: 'string', default: '0' },
    views: { type: 'string' },
    c: { type: 'string' },
    epochs: { type: 'string' },
    'fine-tune': { type: 'boolean', default: false },
    'folds-file': { type: 'string' },
  },
});

const base = recipes.default;
const recipe = {
  ...base,
  views: Number(values.views ?? base.views),
  headStage: { ...base.headStage, c: Number(values.c ?? base.headStage.c) },
  fineTuneStage: { ...base.fineTuneStage, epochs: Number(values.epochs ?? base.fineTuneStage.epochs) },
};
const threads = availableParallelism();
const pool = new ImagePool({ threads });
const folder = await checkImages(await scanLabelledFolder(values.data), { pool, strict: true });
const { classNames, channels } = folder;
const images = values.part === 'all' ? [...folder.train, ...folder.test] : folder.train;
const seed = Number(values.seed);
const network = await buildNetwork(recipe, {
  backbone: 'vgg16',
  classes: classNames.length,
  imageSize: recipe.imageSize,
  threads,
  featureLimit: 4 * 2 ** 30,
});
const pretrained = network.model.weights.map((weight) => weight.value);
const pixels = {
  pool,
  classes: classNames.length,
  height: recipe.imageSize,
  width: recipe.imageSize,
  channels,
  resize: recipe.resize,
};

/** Trains on all but one fold, and gives the probabilities of the true classes and whether the fold's images are right. */
async function runFold(heldOut) {
  network.model.weights.forEach((weight, i) => {
    weight.value = pretrained[i];
  });
  const train = images.filter((image) => !heldOut.includes(image));
  const listen = () => {};
  const context = stageContext(
    network,
    recipe,
    { train, validation: [], channels, classNames },
    { pool, seed, listen },
  );
  await fitHead(context, values['fine-tune']);
  if (values['fine-tune']) await fineTune(context);
  const { data } = await network.model.predict(imageDataset(heldOut, { ...pixels, batchSize: 16 }));
  return heldOut.map(({ label }, i) => {
    const row = data.subarray(i * classNames.length, (i + 1) * classNames.length);
    return { right: row.indexOf(Math.max(...row)) === label, likelihood: row[label] };
  });
}

const accuracies = [];
const losses = [];
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  const folds = patientFolds(images, Number(values.folds), seed + repeat);
  if (values['folds-file'] && repeat === 0) {
    const entries = folds.flatMap((fold, i) =>
      fold.map(({ path }) => [relative(resolve(values.data), path), i]),
    );
    writeFileSync(values['folds-file'], `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
  }
  const results = [];
  for (const fold of folds) results.push(...(await runFold(fold)));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  accuracies.push(mean(results.map(({ right }) => (right ? 1 : 0))));
  losses.push(mean(results.map(({ likelihood }) => -Math.log(Math.max(likelihood, 1e-7)))));
  console.log(
    JSON.stringify({ repeat, images: results.length, accuracy: accuracies.at(-1), loss: losses.at(-1) }),
  );
}
const mean = accuracies.reduce((a, b) => a + b, 0) / accuracies.length;
const deviation = Math.sqrt(
  accuracies.reduce((sum, a) => sum + (a - mean) ** 2, 0) / Math.max(1, accuracies.length - 1),
);
console.log(
  JSON.stringify({
    part: values.part,
    views: recipe.views,
    c: recipe.headStage.c,
    mean,
    deviation,
    loss: losses.reduce((a, b) => a + b, 0) / losses.length,
  }),
);
await network.model.dispose();
await pool.close();
