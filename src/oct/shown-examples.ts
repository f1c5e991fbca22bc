import type { Tensor } from '../core/tensor.ts';
import { imageDataset } from '../datasets/image-dataset.ts';
import type { LabelledImage } from '../datasets/labelled-image.ts';
import type { Pixels, Tested } from './apply.ts';
import type { ShownExamples } from './summaries.ts';

const mostShown = 8;

/** Some images of a test, spread over all of it, with what they were taken for. */
export async function shownExamples(
  test: readonly LabelledImage[],
  { probabilities }: Tested,
  { pool, classNames, imageSize, resize, channels }: Pixels,
): Promise<ShownExamples> {
  const places = shownPlaces(test.length);
  const count = places.length;
  const images = places.map((place) => test[place]!);
  const classes = classNames.length;
  const size = { height: imageSize, width: imageSize };
  const data = imageDataset(images, { pool, classes, ...size, resize, channels, batchSize: count });
  const pixels: Tensor<'uint8'>[] = [];
  for await (const batch of data.iterate(0)) pixels.push(await batch.inputs());
  const predicted = places.map((place) => predictionAt(probabilities, place, classNames));
  const rows = images.map(({ name, label }, i) => ({ name, label: classNames[label]!, ...predicted[i]! }));
  return { pixels: pixels[0]!, rows };
}

/** Which of so many examples are shown: spread over all of them. */
export function shownPlaces(examples: number): number[] {
  const count = Math.min(mostShown, examples);
  return Array.from({ length: count }, (_, i) => Math.floor((i * examples) / count));
}

/** What an example was taken for. */
export function predictionAt(
  { data }: Tensor<'float32'>,
  place: number,
  classNames: readonly string[],
): { predicted: string; probability: number } {
  const row = data.subarray(place * classNames.length, (place + 1) * classNames.length);
  const probability = Math.max(...row);
  return { predicted: classNames[row.indexOf(probability)]!, probability };
}
