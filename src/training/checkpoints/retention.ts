/** A checkpoint that is there, and when it was saved, in seconds. */
export interface Saved {
  readonly step: number;
  readonly time: number;
}

export interface RetentionRule {
  /** So many of the newest are kept; 0: all. */
  readonly keepMax: number;
  /** Of the others, one for every so many hours; 0: none. */
  readonly keepEveryNHours: number;
}

/**
 * Which checkpoints are no longer needed, by the rule of TensorFlow's CheckpointManager: what is older than the newest
 * `keepMax` goes, unless it was saved `keepEveryNHours` or more after the last one that was kept for good.
 * https://www.tensorflow.org/api_docs/python/tf/train/CheckpointManager
 *
 * @param saved by step, ascending
 * @param current the step that was saved just now, which stays
 * @param preserved when the last one that is kept for good was saved, seconds; none up to then is removed
 */
export function sweep(
  saved: readonly Saved[],
  { keepMax, keepEveryNHours }: RetentionRule,
  current: number,
  preserved: number,
): { readonly kept: readonly Saved[]; readonly removed: readonly Saved[]; readonly preserved: number } {
  if (keepMax === 0) return { kept: saved, removed: [], preserved };
  const others = saved.filter(({ step, time }) => step !== current && time > preserved);
  const removed = new Set<Saved>();
  let last = preserved;
  for (const old of others.slice(0, Math.max(0, others.length + 1 - keepMax))) {
    if (keepEveryNHours > 0 && old.time - keepEveryNHours * 3600 >= last) last = old.time;
    else removed.add(old);
  }
  return { kept: saved.filter((each) => !removed.has(each)), removed: [...removed], preserved: last };
}
