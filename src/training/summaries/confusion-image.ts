import { ShapeError } from '../../core/errors.ts';
import { type Tensor, zeros } from '../../core/tensor.ts';

/** [classes][classes]: how many examples of a class (row) were taken for a class (column). */
export type ConfusionMatrix = readonly (readonly number[])[];

type Color = readonly [red: number, green: number, blue: number];
const none: Color = [255, 255, 255];
const all: Color = [8, 48, 107];
/** A row without examples has no shares. */
const unknown: Color = [208, 208, 208];

/** An image has about this many pixels a side, if its classes leave it a choice. */
const wantedSide = 256;

/**
 * A confusion matrix as an RGB image [height, width, 3]: a square for each cell, the darker, the greater its share of its
 * row; white for none, grey where a class has no examples. A perfect classifier gives a dark diagonal.
 *
 * @throws {ShapeError} when it is not square
 * @example await summaries.image(step, 'confusion', [confusionImage([[9, 1], [0, 10]])]);
 */
export function confusionImage(counts: ConfusionMatrix): Tensor<'uint8'> {
  const classes = classCount(counts);
  const cell = Math.max(1, Math.floor(wantedSide / classes));
  const side = classes * cell;
  const image = zeros('uint8', [side, side, 3]);
  counts.forEach((row, r) => {
    const colors = rowColors(row);
    for (let y = r * cell; y < (r + 1) * cell; y++) {
      for (let x = 0; x < side; x++) image.data.set(colors[Math.floor(x / cell)]!, (y * side + x) * 3);
    }
  });
  return image;
}

function rowColors(row: readonly number[]): Color[] {
  const total = row.reduce((sum, count) => sum + count, 0);
  return row.map((count) => {
    if (total === 0) return unknown;
    const mix = (channel: 0 | 1 | 2): number =>
      Math.round(none[channel] + (all[channel] - none[channel]) * (count / total));
    return [mix(0), mix(1), mix(2)];
  });
}

/**
 * A confusion matrix as a table in Markdown: classes as rows, what they were taken for as columns.
 *
 * @throws {ShapeError} when it is not square, or has not as many classes as there are names
 * @example summaries.text(step, 'confusion/table', confusionTable([[9, 1], [0, 10]], ['healthy', 'drusen']));
 */
export function confusionTable(counts: ConfusionMatrix, classNames: readonly string[]): string {
  if (classNames.length !== classCount(counts)) {
    throw new ShapeError(
      `a confusion matrix of ${counts.length} classes needs as many class names, got ${classNames.length}`,
    );
  }
  const names = classNames.map(escaped);
  const lines = [
    ['true / predicted', ...names],
    ['---', ...names.map(() => '---:')],
    ...counts.map((row, r) => [`**${names[r]}**`, ...row.map(String)]),
  ];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A name as it is, also where Markdown or HTML would make something of it. */
function escaped(name: string): string {
  return name
    .replace(/[\r\n]+/g, ' ')
    .replace(/[\\`*_{}[\]|#]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');
}

function classCount(counts: ConfusionMatrix): number {
  const classes = counts.length;
  const odd = counts.find((row) => row.length !== classes);
  if (classes > 0 && odd === undefined) return classes;
  throw new ShapeError(
    `a confusion matrix must be [classes][classes], got ${classes} rows${odd ? `, one of ${odd.length} counts` : ''}`,
  );
}
