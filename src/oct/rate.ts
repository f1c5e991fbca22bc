/** Images a second since it was made, and the time that the rest will take at that rate. */
export class Rate {
  readonly #start = performance.now();

  at(done: number, total: number): { imagesPerSecond: number; secondsLeft: number } {
    const seconds = (performance.now() - this.#start) / 1000;
    const imagesPerSecond = done / Math.max(seconds, 1e-6);
    return { imagesPerSecond, secondsLeft: (total - done) / Math.max(imagesPerSecond, 1e-6) };
  }
}
