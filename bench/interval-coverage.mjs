// How often the 95 % intervals of src/oct cover the truth, over simulated test parts like ours.
//
//   npm run build && node bench/interval-coverage.mjs [data sets = 2000] [resamples = 500]
import { deriveKey, RandomStream } from '../dist/modules/core/random.js';
import { evaluatePredictions } from '../dist/modules/oct/evaluation.js';
import { simulatePatients } from '../dist/modules/oct/simulated-patients.js';

const sets = Number(process.argv[2] ?? 2000);
const resamples = Number(process.argv[3] ?? 500);
const patients = 58;

/** Name, value and interval of every figure. */
function figuresOf(evaluation) {
  const figures = ['accuracy', 'balancedAccuracy', 'auc'].map((name) => [
    name,
    evaluation[name],
    evaluation[`${name}Interval`],
  ]);
  for (const row of evaluation.perClass) {
    for (const name of ['sensitivity', 'specificity', 'precision']) {
      figures.push([name, row[name], row[`${name}Interval`]]);
    }
  }
  return figures;
}

const names = ['accuracy', 'balancedAccuracy', 'auc', 'sensitivity', 'specificity', 'precision'];
console.log(`${sets} data sets of ${patients} patients, ${resamples} resamples; coverage in %, mean width`);
console.log(['accuracy', 'correlation', ...names].join('\t'));
for (const correlation of [0.25, 0.5, 0.8]) {
  for (const signal of [1.7, 1.9, 2.1, 2.4]) {
    const setting = { patients, signal, correlation };
    const many = simulatePatients({ ...setting, patients: 200_000 }, new RandomStream(deriveKey(1, 'truth')));
    const truth = figuresOf(evaluatePredictions(many, { resamples: 2 })).map(([, value]) => value);
    const tallies = Object.fromEntries(names.map((name) => [name, { count: 0, covered: 0, width: 0 }]));
    for (let set = 0; set < sets; set++) {
      const data = simulatePatients(setting, new RandomStream(deriveKey(2, 'set', set)));
      figuresOf(evaluatePredictions(data, { seed: set, resamples })).forEach(([name, , interval], i) => {
        if (interval === null) return;
        const tally = tallies[name];
        tally.count++;
        tally.width += interval[1] - interval[0];
        if (interval[0] <= truth[i] && truth[i] <= interval[1]) tally.covered++;
      });
    }
    const cells = names.map((name) => {
      const { count, covered, width } = tallies[name];
      return `${((100 * covered) / count).toFixed(1)} ${(width / count).toFixed(3)}`;
    });
    console.log([truth[0].toFixed(3), correlation, ...cells].join('\t'));
  }
}
