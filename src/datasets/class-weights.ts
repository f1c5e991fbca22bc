/** How many of the labels each class has. */
export function classCounts(labels: Iterable<number>, classes: number): Uint32Array {
  const counts = new Uint32Array(classes);
  for (const label of labels) counts[label]!++;
  return counts;
}

/**
 * Weights that give every class the same say: n / (k · n_c), with n labels of which n_c belong to class c, and k
 * classes (King and Zeng, "Logistic regression in rare events data", 2001). A class without labels weighs nothing, and
 * does not count among the k. The mean weight of a label is 1.
 *
 * @example balancedClassWeights([0, 0, 0, 1], 2) // [0.667, 2]
 */
export function balancedClassWeights(labels: Iterable<number>, classes: number): Float32Array {
  const counts = classCounts(labels, classes);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const present = counts.filter((count) => count > 0).length;
  return Float32Array.from(counts, (count) => (count === 0 ? 0 : total / (present * count)));
}
