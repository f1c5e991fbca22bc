import { auc } from './auc.ts';
import { overlapTable } from './iou.ts';
import { meanTable } from './means.ts';
import { f1Score, fBetaScore, r2Score } from './scores.ts';
import { thresholdedTable } from './thresholded.ts';

/** Metrics by Keras' classes, https://keras.io/api/metrics/ */
export const metricTable = {
  ...meanTable,
  ...thresholdedTable,
  AUC: auc,
  F1Score: f1Score,
  FBetaScore: fBetaScore,
  R2Score: r2Score,
  ...overlapTable,
};
