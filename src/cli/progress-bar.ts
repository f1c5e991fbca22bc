import cliProgress from 'cli-progress';
import type { ProgressEvent } from '../oct/events.ts';
import { clock } from './text.ts';
import { stageNames } from './words.ts';

/** A bar on the last line of a terminal. */
export interface ProgressBar {
  draw(event: ProgressEvent): void;
  /** Takes the bar away; `draw` brings it back. */
  clear(): void;
}

/** @param stream a terminal */
export function progressBar(stream: NodeJS.WriteStream): ProgressBar {
  // The cursor stays as it is, and so does the terminal when a second Ctrl-C ends everything.
  const bar = new cliProgress.SingleBar(
    { stream, format: '{what} {bar} {value}/{total}{details}', barsize: 24, clearOnComplete: true },
    cliProgress.Presets.shades_classic,
  );
  return {
    draw(event) {
      const { done, total } = event;
      const payload = { what: whatOf(event), details: detailsOf(event) };
      if (!bar.isActive) bar.start(total, done, payload);
      bar.setTotal(total);
      bar.update(done, payload);
    },
    clear() {
      bar.stop();
    },
  };
}

function whatOf({ stage, epoch, epochs }: ProgressEvent): string {
  return epochs > 1 ? `${stageNames[stage]} ${epoch}/${epochs}` : stageNames[stage];
}

/** Rate, loss, accuracy and the time that is left, as far as they are known. */
export function detailsOf({ imagesPerSecond, loss, accuracy, secondsLeft }: ProgressEvent): string {
  const parts: string[] = [];
  if (imagesPerSecond > 0) {
    parts.push(`${imagesPerSecond < 10 ? imagesPerSecond.toFixed(1) : Math.round(imagesPerSecond)} images/s`);
  }
  if (loss !== undefined) parts.push(`loss ${loss.toFixed(3)}`);
  if (accuracy !== undefined) parts.push(`accuracy ${accuracy.toFixed(3)}`);
  if (Number.isFinite(secondsLeft)) parts.push(`${clock(secondsLeft)} left`);
  return parts.map((part) => `  ${part}`).join('');
}
