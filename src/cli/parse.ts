import { Command, Option } from 'commander';
import { packageVersion } from '../core/package.ts';
import type { ApplyOptions } from '../oct/apply.ts';
import { recipeNames } from '../oct/recipes.ts';
import type { TrainOptions } from '../oct/train.ts';
import { decimal, path, wholeNumber } from './flags.ts';

/** A call that makes sense, as far as that shows before anything is read. */
export type Call = TrainCall | EvaluateCall | PredictCall;

interface TrainCall {
  readonly command: 'train';
  readonly json: boolean;
  readonly data: string;
  readonly options: TrainOptions;
}

interface EvaluateCall {
  readonly command: 'evaluate';
  readonly json: boolean;
  readonly run: string;
  readonly data: string;
  readonly options: ApplyOptions;
}

interface PredictCall {
  readonly command: 'predict';
  readonly json: boolean;
  readonly run: string;
  readonly paths: readonly string[];
  readonly options: ApplyOptions;
}

interface Common {
  readonly threads?: number;
  readonly json?: true;
}

interface TrainFlags extends Common, Omit<TrainOptions, 'stages' | 'signal' | 'threads'> {
  readonly headOnly?: true;
  readonly fineTune?: true;
}

/**
 * Parses a command line. Help and version are printed, and then thrown as a `CommanderError` with exit code 0.
 *
 * @param args without the names of Node and the script
 * @throws {CommanderError} for an unknown command or flag, a missing argument, a wrong choice
 * @throws {UsageError} for a value out of range
 */
export function parseCommandLine(args: readonly string[]): Call {
  let call: Call | undefined;
  const fovea = new Command('fovea')
    .description('Train an image classifier on your own labelled images, and see how good it is.')
    .version(packageVersion(), '--version')
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // the message is in what is thrown
    .addHelpText('after', examples);

  fovea
    .command('train')
    .summary('train a classifier, test it, save it')
    .description(
      'Trains a classifier on a folder of images, tests it on images of other patients, and saves both as a run. ' +
        'What is not given is as the recipe has it.',
    )
    .argument('<data>', dataHelp, path('<data>'))
    .option('--out <folder>', 'where to save the run (default: a new folder in runs/)', path('--out'))
    .addOption(new Option('--backbone <name>', 'the network to start from').choices(['vgg16']))
    .addOption(new Option('--recipe <name>', 'how to train').choices(recipeNames))
    .option('--epochs <n>', 'epochs of fine-tuning', wholeNumber('--epochs', 1, 100_000))
    .option('--head-epochs <n>', 'epochs of the head', wholeNumber('--head-epochs', 1, 100_000))
    .option('--batch-size <n>', 'images a step', wholeNumber('--batch-size', 1, 1024))
    .option(
      '--learning-rate <x>',
      'of fine-tuning',
      decimal('--learning-rate', 'above 0', (x) => x > 0),
    )
    .option('--image-size <n>', 'pixels a side', wholeNumber('--image-size', 32, 1024))
    .option('--views <n>', 'views of each image that the head learns from', wholeNumber('--views', 1, 100))
    .addOption(new Option('--head-only', 'leave the network as it is').conflicts(fineTuning))
    .addOption(new Option('--fine-tune', 'train its last block too, however few images there are'))
    .option(
      '--validation-split <x>',
      'the share of patients to watch the training with (default: 0)',
      decimal('--validation-split', 'from 0 to below 1', (x) => x >= 0 && x < 1),
    )
    .option(
      '--seed <n>',
      'of every random number (default: 0)',
      wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER),
    )
    .option('--strict', 'refuse data with a file that cannot be read')
    .option(...threads)
    .option(...json)
    .action((data: string, { json, headOnly, fineTune, ...options }: TrainFlags) => {
      const stages = headOnly ? 'head-only' : fineTune ? 'fine-tune' : 'auto';
      call = { command: 'train', json: json ?? false, data, options: { ...options, stages } };
    });

  fovea
    .command('evaluate')
    .summary('test a saved run on labelled images')
    .description('Tests a saved run on labelled images: those in test/, if there is one, or else all.')
    .argument('<run>', runHelp, path('<run>'))
    .argument('<data>', dataHelp, path('<data>'))
    .option('--strict', 'refuse data with a file that cannot be read')
    .option(...threads)
    .option(...json)
    .action((run: string, data: string, { json, ...options }: Common & { strict?: true }) => {
      call = { command: 'evaluate', json: json ?? false, run, data, options };
    });

  fovea
    .command('predict')
    .summary('classify images with a saved run')
    .description('Says which class each image is of, and how probable that is.')
    .argument('<run>', runHelp, path('<run>'))
    .argument('<images...>', 'images, or folders of images', pathList)
    .option(...threads)
    .option(...json)
    .action((run: string, paths: string[], { json, ...options }: Common) => {
      call = { command: 'predict', json: json ?? false, run, paths, options };
    });

  fovea.parse(args, { from: 'user' });
  return call!; // without a command, commander throws
}

/** What `--head-only` has no use for. */
const fineTuning = ['fineTune', 'epochs', 'batchSize', 'learningRate'];
const dataHelp = 'a folder with a folder for each class, or with train/ and test/ above those; or: sample';
const runHelp = 'the folder that a training saved';
const threads = [
  '--threads <n>',
  'threads that compute (default: one a core)',
  wholeNumber('--threads', 1, 1024),
] as const;
const json = ['--json', 'print one JSON object a line'] as const;

const examples = `
Examples:
  fovea train sample                      retinal OCT images that come with fovea
  fovea train OCT2017 --out runs/oct      your own folder
  fovea evaluate runs/oct other-clinic
  fovea predict runs/oct scan.jpeg scans/

fovea <command> --help tells more of each.`;

const onePath = path('<images>');

/** Commander hands over the images one by one, with those before. */
function pathList(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), onePath(text)];
}
