import { align, plural } from '../core/text.ts';
import type { Evaluation } from './evaluation.ts';
import type { Interval } from './interval.ts';

/**
 * An evaluation as a table for a person: figures with their 95 % intervals, each class, the confusion matrix. An
 * undefined figure is `–`.
 */
export function evaluationTable(evaluation: Evaluation): string {
  const { images, patients, classes, confusionMatrix, perClass } = evaluation;
  const total = [
    ['accuracy', withInterval(evaluation.accuracy, evaluation.accuracyInterval)],
    ['balanced accuracy', withInterval(evaluation.balancedAccuracy, evaluation.balancedAccuracyInterval)],
    ['AUC', withInterval(evaluation.auc, evaluation.aucInterval)],
    ['loss', evaluation.loss.toFixed(3)],
  ];
  const eachClass = perClass.map((row) => [
    row.class,
    `${row.support}`,
    withInterval(row.sensitivity, row.sensitivityInterval),
    withInterval(row.specificity, row.specificityInterval),
    withInterval(row.precision, row.precisionInterval),
  ]);
  const counts = confusionMatrix.map((row, c) => [classes[c]!, ...row.map(String)]);
  return [
    patients === images && images > 1
      ? `${images} images, each counted by itself; in brackets 95 % intervals over images`
      : `${plural(images, 'image')} of ${plural(patients, 'patient')}; in brackets 95 % intervals over patients`,
    align(total, 'll'),
    align([['class', 'images', 'sensitivity', 'specificity', 'precision'], ...eachClass], 'lrlll'),
    align([['true \\ predicted', ...classes], ...counts], `l${'r'.repeat(classes.length)}`),
  ].join('\n\n');
}

function withInterval(value: number | null, interval: Interval | null): string {
  if (value === null || interval === null) return '–';
  return `${value.toFixed(2)} [${interval[0].toFixed(2)}, ${interval[1].toFixed(2)}]`;
}
