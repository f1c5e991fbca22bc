import { describe, expect, it } from 'vitest';
import type { DataEvent, EpochEvent, JobEvent, ProgressEvent } from '../oct/events.ts';
import { argumentsToGoOn, commandName, personView } from './person-view.ts';
import type { ProgressBar } from './progress-bar.ts';

/** What a person sees of these events: results behind `>`, and what the bar does behind `|`. */
function shown(events: readonly JobEvent[], terminal = false): string[] {
  const lines: string[] = [];
  const output = {
    result: (line: string) => lines.push(`> ${line}`),
    message: (line: string) => lines.push(line),
  };
  const bar: ProgressBar = {
    draw: ({ done }) => lines.push(`| ${done}`),
    clear: () => lines.push('| cleared'),
  };
  const view = personView(output, terminal ? bar : undefined, 'fovea', [
    'train',
    'sample',
    '--max-steps',
    '9',
  ]);
  for (const event of events) view.show(event);
  view.end();
  return lines;
}

const data: DataEvent = {
  event: 'data',
  data: 'eyes',
  classes: ['CNV', 'NORMAL'],
  parts: [
    { part: 'train', images: 1000, patients: 70, perClass: [600, 400] },
    { part: 'validation', images: 9, patients: 7, perClass: [4, 5] },
  ],
  patientsBy: 'numbers',
  split: 'patients',
  leakedPatients: [],
  unreadable: [],
};

const progress = (stage: ProgressEvent['stage'], done: number): ProgressEvent => {
  return {
    event: 'progress',
    stage,
    epoch: 1,
    epochs: 1,
    done,
    total: 8,
    imagesPerSecond: 2,
    secondsLeft: 1,
  };
};

const epoch = (stage: EpochEvent['stage'], number: number): EpochEvent => {
  const seconds = { waiting: 0.25, computing: 10.5 * number, other: 0.03 };
  const rest = { epochs: 2, loss: 0.5, accuracy: 0.75, imagesPerSecond: 31.24, seconds };
  return { event: 'epoch', stage, epoch: number, ...rest };
};

describe('the data', () => {
  it('is a table', () => {
    expect(shown([data]).join('\n')).toBe(
      `
Data: eyes (patients by the numbers in file names; parts divided by patient)

            images  patients  CNV  NORMAL
train         1000        70  600     400
validation       9         7    4       5
`.trimStart(),
    );
  });

  it('has warnings below it, the first ten files among them', () => {
    const files = Array.from({ length: 12 }, (_, i) => ({ file: `CNV/${i}.png`, reason: 'damaged' }));
    const lines = shown([
      { ...data, unreadable: files, leakedPatients: ['1', '2', '3', '4', '5', '6', '7'] },
    ]);
    expect(lines.slice(4)).toEqual([
      '12 files cannot be read and are left out:',
      ...files.slice(0, 10).map(({ file }) => `  ${file}: damaged`),
      '  … and 2 more (--json lists all)',
      'Warning: 7 patients of train/ are in test/ too, so the result will look better than it is: 1, 2, 3, 4, 5 and 2 more',
    ]);
    expect(shown([{ ...data, unreadable: files.slice(0, 1) }]).slice(4)).toEqual([
      '1 file cannot be read and is left out:',
      '  CNV/0.png: damaged',
    ]);
  });
});

describe('progress', () => {
  const events = [progress('check', 1), progress('check', 8), progress('features', 4)];

  it('is a line a stage where there is no terminal', () => {
    expect(shown(events)).toEqual(['checking the images: 8 images', 'computing features: 8 images']);
  });

  it('is a bar on a terminal, cleared before anything else is written', () => {
    const lines = shown([...events, { event: 'note', message: 'a\nb' }, progress('test', 2)], true);
    expect(lines).toEqual(['| 1', '| 8', '| 4', '| cleared', 'a\\nb', '| 2']);
  });
});

it('tells every epoch of fine-tuning, and the last one of the head', () => {
  const events = [epoch('head', 1), epoch('head', 2), epoch('fine-tune', 1)];
  const validated = { ...epoch('fine-tune', 2), validationLoss: 0.6, validationAccuracy: 0.7 };
  expect(shown([...events, validated])).toEqual([
    'training the head 2/2: loss 0.500, accuracy 0.750',
    'fine-tuning 1/2: loss 0.500, accuracy 0.750, 31.2 images/s',
    'fine-tuning 2/2: loss 0.500, accuracy 0.750, validation loss 0.600, validation accuracy 0.700, 31.2 images/s',
  ]);
});

it('aligns predictions, and prints them as results', () => {
  const prediction = (file: string, label: string, p: number): JobEvent => {
    return { event: 'prediction', file, label, probabilities: { CNV: 1 - p, NORMAL: 1 - p, [label]: p } };
  };
  const lines = shown([prediction('a.png', 'CNV', 0.987), prediction('b\u001b[2J.png', 'NORMAL', 0.5)], true);
  expect(lines).toEqual([
    '| cleared',
    '> CNV     0.99  a.png',
    '| cleared',
    '> NORMAL  0.50  b\\u{1b}[2J.png',
  ]);
});

it('says where the run is, and what to do next', () => {
  expect(shown([{ event: 'saved', run: 'runs/1', interrupted: false }])).toEqual([
    '',
    'Saved in runs/1',
    'Next: fovea predict runs/1 <image or folder>',
  ]);
  expect(shown([{ event: 'saved', run: 'my run', interrupted: true, step: 9 }])).toEqual([
    '',
    'Stopped after step 9; what was learned is in my run',
    "Next: fovea predict 'my run' <image or folder>",
    "To go on: fovea train sample --out 'my run'",
  ]);
});

it('goes on by the same call, but for the limit and the folder', () => {
  expect(argumentsToGoOn(['train', '--out=a', '--max-steps=3', 'eyes', '--json'], 'b')).toEqual([
    'train',
    'eyes',
    '--json',
    '--out',
    'b',
  ]);
  expect(argumentsToGoOn(['train', '--', '-eyes'], 'b')).toEqual(['train', '--out', 'b', '--', '-eyes']);
});

it('lists checkpoints and runs as tables, and says below what is wrong', () => {
  const checkpoint = {
    event: 'checkpoint',
    file: 'r/a',
    bytes: 84_960_000,
    date: '2026-01-02T03:04:05.678Z',
  } as const;
  const lines = shown([
    { ...checkpoint, step: 9, stage: 'head', state: 'whole' },
    { ...checkpoint, step: 12, stage: null, state: 'damaged', reason: 'r/a is cut short' },
  ]);
  expect(lines).toEqual([
    [
      '> step  stage     size  date                 state',
      '   9  head   85.0 MB  2026-01-02 03:04:05  whole',
      '  12  –      85.0 MB  2026-01-02 03:04:05  damaged',
      'r/a is cut short',
    ].join('\n'),
  ]);
  const run = {
    event: 'run',
    run: 'runs/1',
    date: '2026-01-02T03:04:05Z',
    backbone: 'vgg16',
    recipe: 'default',
  } as const;
  expect(
    shown([
      { ...run, state: 'finished', step: 9, accuracy: 0.834, accuracyInterval: [0.7, 0.9], auc: 0.95 },
      { ...run, state: 'unfinished', step: 7, accuracy: null, accuracyInterval: null, auc: null },
    ]),
  ).toEqual([
    [
      '> run     date                 backbone  recipe   state                 accuracy           AUC',
      'runs/1  2026-01-02 03:04:05  vgg16     default  finished              0.83 [0.70, 0.90]  0.95',
      'runs/1  2026-01-02 03:04:05  vgg16     default  unfinished at step 7  –                  –',
    ].join('\n'),
  ]);
});

it('says at the end where the time of the epochs went', () => {
  const saved: JobEvent = { event: 'saved', run: 'runs/1', interrupted: false };
  const lines = shown([epoch('head', 1), epoch('fine-tune', 1), epoch('fine-tune', 2), saved]);
  expect(lines[2]).toBe('The epochs took 43 s: waiting for images 0.8 s, computing 42 s, other 0.1 s');
  expect(lines[4]).toBe('Saved in runs/1');
});

it('calls the command as it was called', () => {
  expect(commandName('/usr/bin/fovea', '/home', {})).toBe('fovea');
  expect(commandName('/x/node_modules/.bin/fovea', '/x', { npm_command: 'exec' })).toBe('npx fovea');
  expect(commandName('/x/dist/cli/main.js', '/x', { npm_command: 'start' })).toBe('node dist/cli/main.js');
  expect(commandName('/my x/dist/cli/main.js', '/y', {})).toBe("node '/my x/dist/cli/main.js'");
});
