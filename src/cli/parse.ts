import { Command, Option } from 'commander';
import { UsageError } from '../core/errors.ts';
import { packageVersion } from '../core/package.ts';
import type { ApplyOptions } from '../oct/apply.ts';
import { recipeNames } from '../oct/recipes.ts';
import type { TrainOptions } from '../oct/train.ts';
import type { FashionMnistOptions } from '../tutorial/fashion-mnist.ts';
import { decimal, path, wholeNumber } from './flags.ts';

/** A call that makes sense, as far as that shows before anything is read. */
export type Call = TrainCall | FashionMnistCall | EvaluateCall | PredictCall | ListCall;

export const commandNames = ['train', 'evaluate', 'predict', 'runs', 'checkpoints'] as const;

interface TrainCall {
  readonly command: 'train';
  readonly json: boolean;
  readonly data: string;
  readonly options: TrainOptions;
}

interface FashionMnistCall {
  readonly command: 'fashion-mnist';
  readonly json: boolean;
  readonly options: FashionMnistOptions;
}

interface ListCall {
  readonly command: 'runs' | 'checkpoints';
  readonly json: boolean;
  readonly folder: string;
  readonly options: object;
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
  readonly path?: string;
  readonly leakyRelu?: true;
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
        'What is not given is as the recipe has it. The same call with the same --out goes on where it stopped.',
    )
    .argument('<data>', trainHelp, path('<data>'))
    .option(
      '--out <folder>',
      'where to save the run, and to go on with it (default: a new folder in runs/)',
      path('--out'),
    )
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
    .option(
      '--max-steps <n>',
      'end after so many steps in all, saved',
      wholeNumber('--max-steps', 1, Number.MAX_SAFE_INTEGER),
    )
    .option(
      '--save-every <n>',
      'steps between checkpoints (default: those of 60 s)',
      wholeNumber('--save-every', 1, Number.MAX_SAFE_INTEGER),
    )
    .option('--keep <n>', 'how many checkpoints to keep (default: 3)', wholeNumber('--keep', 1, 1_000_000))
    .option('--strict', 'refuse data with a file that cannot be read')
    .option('--path <folder>', 'of fashion-mnist: its four files (default: downloaded once)', path('--path'))
    .option('--leaky-relu', 'of fashion-mnist: LeakyReLU in the place of ReLU')
    .option(...threads)
    .option(...json)
    .action((data: string, flags: TrainFlags) => {
      if (data === fashionMnist) {
        call = fashionMnistCall(flags);
        return;
      }
      const { json, headOnly, fineTune, path, leakyRelu, ...options } = flags;
      if (path !== undefined || leakyRelu)
        throw new UsageError(`--${path === undefined ? 'leaky-relu' : 'path'} is for ${fashionMnist} only`);
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

  for (const [command, summary, argument] of listings) {
    fovea
      .command(command)
      .summary(summary)
      .description(argument.description)
      .argument(argument.name, argument.help, path(argument.name), argument.fallback)
      .option(...json)
      .action((folder: string, { json }: Common) => {
        call = { command, json: json ?? false, folder, options: {} };
      });
  }

  fovea.parse(args, { from: 'user' });
  return call!; // without a command, commander throws
}

/** The tutorial's data set. It wins over a folder of that name; `./fashion-mnist` is the folder. */
const fashionMnist = 'fashion-mnist';

/** @throws {UsageError} for a flag that it has no use for */
function fashionMnistCall({ json, ...flags }: TrainFlags): FashionMnistCall {
  const { out, epochs, batchSize, seed, threads, saveEvery, keep, maxSteps, path, leakyRelu, ...others } =
    flags;
  const [useless] = Object.keys(others);
  if (useless !== undefined) {
    const flag = useless.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--${flag} has no use for ${fashionMnist}`);
  }
  const given = { out, epochs, batchSize, seed, threads, saveEvery, keep, maxSteps, path, leakyRelu };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { command: fashionMnist, json: json ?? false, options };
}

interface ListingArgument {
  readonly name: string;
  readonly help: string;
  readonly fallback: string | undefined;
  readonly description: string;
}

const listings: readonly (readonly [ListCall['command'], string, ListingArgument])[] = [
  [
    'runs',
    'list runs and their figures',
    {
      name: '[folder]',
      help: 'the folder that runs lie in',
      fallback: 'runs',
      description: 'Lists the runs of a folder, unfinished ones too, with their figures.',
    },
  ],
  [
    'checkpoints',
    'list and check the checkpoints of a run',
    {
      name: '<run>',
      help: 'the folder of a training',
      fallback: undefined,
      description: 'Lists the checkpoints of a training, and reads each to see whether it is whole.',
    },
  ],
];

/** What `--head-only` has no use for. */
const fineTuning = ['fineTune', 'epochs', 'batchSize', 'learningRate'];
const dataHelp = 'a folder with a folder for each class, or with train/ and test/ above those; or: sample';
const trainHelp = `${dataHelp}, fashion-mnist`;
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
  fovea train fashion-mnist               the 2018 tutorial's estimator
  fovea runs                              all runs, and how good they are

fovea <command> --help tells more of each.`;

const onePath = path('<images>');

/** Commander hands over the images one by one, with those before. */
function pathList(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), onePath(text)];
}
