import { expect, it } from 'vitest';
import type { Evaluation } from './evaluation.ts';
import { evaluationTable } from './table.ts';

const evaluation: Evaluation = {
  images: 101,
  patients: 58,
  accuracy: 0.8317,
  accuracyInterval: [0.746, 0.897],
  balancedAccuracy: 0.8,
  balancedAccuracyInterval: [0.7, 0.9],
  auc: null,
  aucInterval: null,
  loss: 0.51234,
  classes: ['CNV', 'NORMAL'],
  confusionMatrix: [
    [84, 17],
    [0, 0],
  ],
  perClass: [
    {
      class: 'CNV',
      sensitivity: 0.8317,
      sensitivityInterval: [0.746, 0.897],
      specificity: null,
      specificityInterval: null,
      precision: 1,
      precisionInterval: [0.9, 1],
      support: 101,
    },
    {
      class: 'NORMAL',
      sensitivity: null,
      sensitivityInterval: null,
      specificity: 0.8317,
      specificityInterval: [0.746, 0.897],
      precision: 0,
      precisionInterval: [0, 0.2],
      support: 0,
    },
  ],
};

it('aligns figures, classes and the confusion matrix', () => {
  expect(evaluationTable(evaluation)).toBe(
    `
101 images of 58 patients; in brackets 95 % intervals over patients

accuracy           0.83 [0.75, 0.90]
balanced accuracy  0.80 [0.70, 0.90]
AUC                –
loss               0.512

class   images  sensitivity        specificity        precision
CNV        101  0.83 [0.75, 0.90]  –                  1.00 [0.90, 1.00]
NORMAL       0  –                  0.83 [0.75, 0.90]  0.00 [0.00, 0.20]

true \\ predicted  CNV  NORMAL
CNV                84      17
NORMAL              0       0`.trim(),
  );
});

it('says one image of one patient', () => {
  const table = evaluationTable({ ...evaluation, images: 1, patients: 1 });
  expect(table).toMatch(/^1 image of 1 patient;/);
});
