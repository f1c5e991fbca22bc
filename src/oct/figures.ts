/** Images with what a model said of them, in the form in which figures are computed many times. */
export interface Scored {
  readonly classCount: number;
  /** The true class of each image. */
  readonly labels: Int32Array;
  /** The most probable class of each image; the first of equals. */
  readonly predictions: Int32Array;
  /** Per class: the images by rising probability, and where equal probabilities end. */
  readonly rankings: readonly Ranking[];
}

interface Ranking {
  readonly order: Uint32Array;
  /** 1 where the image is the last of those with the same probability. */
  readonly ends: Uint8Array;
}

/** @param probabilities n × k, row by row */
export function score(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classCount: number,
): Scored {
  const count = labels.length;
  const probability = (image: number, c: number): number => probabilities[image * classCount + c]!;
  const predictions = new Int32Array(count);
  for (let image = 0; image < count; image++) {
    for (let c = 1; c < classCount; c++) {
      if (probability(image, c) > probability(image, predictions[image]!)) predictions[image] = c;
    }
  }
  const rankings = Array.from({ length: classCount }, (_, c): Ranking => {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    order.sort((a, b) => probability(a, c) - probability(b, c));
    const ends = Uint8Array.from(order, (image, i) =>
      i + 1 < count && probability(image, c) === probability(order[i + 1]!, c) ? 0 : 1,
    );
    return { order, ends };
  });
  return { classCount, labels: Int32Array.from(labels), predictions, rankings };
}

/** The confusion matrix of weighted images, k × k row by row; rows are the truth. */
export function confusion(
  { classCount, labels, predictions }: Scored,
  weights: ArrayLike<number>,
): Float64Array {
  const matrix = new Float64Array(classCount * classCount);
  for (let i = 0; i < labels.length; i++) matrix[labels[i]! * classCount + predictions[i]!]! += weights[i]!;
  return matrix;
}

/**
 * Area under the ROC curve of one class against the others: the probability that an image of the class gets more
 * than one of another class, a tie counting half. NaN where either is absent.
 */
export function areaUnderCurve({ labels, rankings }: Scored, c: number, weights: ArrayLike<number>): number {
  const { order, ends } = rankings[c]!;
  let area = 0; // weighted pairs in the right order
  let negatives = 0;
  let positives = 0;
  let tiedNegatives = 0;
  let tiedPositives = 0;
  for (let i = 0; i < order.length; i++) {
    const image = order[i]!;
    if (labels[image] === c) tiedPositives += weights[image]!;
    else tiedNegatives += weights[image]!;
    if (ends[i] === 1) {
      area += tiedPositives * (negatives + tiedNegatives / 2);
      positives += tiedPositives;
      negatives += tiedNegatives;
      tiedPositives = 0;
      tiedNegatives = 0;
    }
  }
  return area / (positives * negatives);
}

/** Where a figure stands in a row of `figures`. */
export const column = {
  accuracy: 0,
  balancedAccuracy: 1,
  auc: 2,
  sensitivity: (c: number): number => 3 + 3 * c,
  specificity: (c: number): number => 4 + 3 * c,
  precision: (c: number): number => 5 + 3 * c,
} as const;

/**
 * All figures of weighted images in one row, see `column`; NaN where one is undefined. Averages over classes run over
 * those `present`, the ones with any image, as in scikit-learn's `balanced_accuracy_score`.
 */
export function figures(
  scored: Scored,
  present: readonly number[],
  weights: ArrayLike<number>,
): Float64Array {
  const k = scored.classCount;
  const matrix = confusion(scored, weights);
  const truths = new Float64Array(k);
  const calls = new Float64Array(k);
  let total = 0;
  let right = 0;
  for (let truth = 0; truth < k; truth++) {
    for (let call = 0; call < k; call++) {
      const weight = matrix[truth * k + call]!;
      truths[truth]! += weight;
      calls[call]! += weight;
      total += weight;
    }
    right += matrix[truth * k + truth]!;
  }
  const row = new Float64Array(3 + 3 * k);
  row[column.accuracy] = right / total;
  for (let c = 0; c < k; c++) {
    const hits = matrix[c * k + c]!;
    row[column.sensitivity(c)] = hits / truths[c]!;
    row[column.specificity(c)] = 1 - (calls[c]! - hits) / (total - truths[c]!);
    row[column.precision(c)] = hits / calls[c]!;
  }
  const mean = (figure: (c: number) => number): number =>
    present.reduce((sum, c) => sum + figure(c), 0) / present.length;
  row[column.balancedAccuracy] = mean((c) => row[column.sensitivity(c)]!);
  row[column.auc] = mean((c) => areaUnderCurve(scored, c, weights));
  return row;
}
