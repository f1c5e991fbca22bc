/** What may be given alone, as a list. */
export function asList<T>(given: T | readonly T[]): readonly T[] {
  return Array.isArray(given) ? given : [given as T];
}
