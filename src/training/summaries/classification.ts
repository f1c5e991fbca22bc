import type { Tensor } from '../../core/tensor.ts';
import { type ConfusionMatrix, confusionImage, confusionTable } from './confusion-image.ts';
import type { SummaryWriter } from './summary-writer.ts';

/** An example that was classified. */
export interface ClassifiedExample {
  /** [height, width, channels], 1 or 3 channels. */
  readonly image: Tensor<'uint8'>;
  readonly name: string;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
}

/**
 * Writes how a classifier did: the confusion matrix as the image `confusion` and the table `confusion/table`, and some
 * examples as the images `examples` and the table `examples/predictions`.
 */
export async function writeClassification(
  writer: SummaryWriter,
  step: number,
  counts: ConfusionMatrix,
  classNames: readonly string[],
  examples: readonly ClassifiedExample[],
): Promise<void> {
  writer.text(step, 'confusion/table', confusionTable(counts, classNames));
  await writer.image(step, 'confusion', [confusionImage(counts)]);
  if (examples.length === 0) return;
  writer.text(step, 'examples/predictions', predictionTable(examples));
  await writer.image(
    step,
    'examples',
    examples.map(({ image }) => image),
  );
}

/** In Markdown. */
function predictionTable(examples: readonly ClassifiedExample[]): string {
  const cells = examples.map(({ name, label, predicted, probability }, i) =>
    [String(i), name, label, predicted, probability.toFixed(2)].map((text) =>
      text.replace(/[\\|`*_<>[\]]/g, '\\$&'),
    ),
  );
  return [['', 'example', 'true', 'predicted', 'probability'], Array<string>(5).fill('---'), ...cells]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}
