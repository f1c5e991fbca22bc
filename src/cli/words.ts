import { align, plural } from '../core/text.ts';
import type {
  CheckpointEvent,
  DataEvent,
  EpochEvent,
  PredictionEvent,
  RunEvent,
  Stage,
} from '../oct/events.ts';
import type { Interval } from '../oct/interval.ts';
import type { EpochTimes } from '../training/callback.ts';
import { few, printable } from './text.ts';

export const stageNames: Readonly<Record<Stage, string>> = {
  check: 'checking the images',
  features: 'computing features',
  head: 'training the head',
  'fine-tune': 'fine-tuning',
  test: 'testing',
  predict: 'predicting',
  train: 'training',
};

const patientsBy: Readonly<Record<DataEvent['patientsBy'], string>> = {
  numbers: 'patients by the numbers in file names',
  files: 'each file counted as a patient of its own',
  both: 'patients by the numbers in file names; a file without one counted as a patient of its own',
};

const splitBy: Readonly<Record<DataEvent['split'], string | undefined>> = {
  folders: undefined,
  patients: 'parts divided by patient',
  files: 'parts divided by file',
};

/** The data that was found, as a table, and what is wrong with it. */
export function dataWords(event: DataEvent): string[] {
  const { data, classes, parts, unreadable, leakedPatients } = event;
  const header = ['', 'images', 'patients', ...classes.map(printable)];
  const rows = parts.map(({ part, images, patients, perClass }) => [
    part,
    ...[images, patients, ...perClass].map(String),
  ]);
  const how = [patientsBy[event.patientsBy], splitBy[event.split]].filter((words) => words !== undefined);
  const lines = [
    `Data: ${printable(data)} (${how.join('; ')})`,
    '',
    align([header, ...rows], `l${'r'.repeat(header.length - 1)}`),
    '',
  ];
  if (unreadable.length > 0) {
    lines.push(`${plural(unreadable.length, 'file')} cannot be read and ${are(unreadable.length)} left out:`);
    for (const { file, reason } of unreadable.slice(0, 10)) {
      lines.push(`  ${printable(file)}: ${printable(reason)}`);
    }
    if (unreadable.length > 10) lines.push(`  … and ${unreadable.length - 10} more (--json lists all)`);
  }
  if (leakedPatients.length > 0) {
    lines.push(
      `Warning: ${plural(leakedPatients.length, 'patient')} of train/ ${are(leakedPatients.length)} in test/ too, so the ` +
        `result will look better than it is: ${few(leakedPatients.map(printable), 5)}`,
    );
  }
  return lines;
}

/** What an epoch came to: `fine-tuning 2/6: loss 0.41, accuracy 0.88, 31 images/s`. */
export function epochWords(event: EpochEvent): string {
  const { stage, epoch, epochs, loss, accuracy, validationLoss, validationAccuracy } = event;
  const figures = [`loss ${loss.toFixed(3)}`, `accuracy ${accuracy.toFixed(3)}`];
  if (validationLoss !== undefined) figures.push(`validation loss ${validationLoss.toFixed(3)}`);
  if (validationAccuracy !== undefined) figures.push(`validation accuracy ${validationAccuracy.toFixed(3)}`);
  // The head learns from kept features: how fast tells nothing.
  if (stage !== 'head') figures.push(`${event.imagesPerSecond.toFixed(1)} images/s`);
  return `${stageNames[stage]} ${epoch}/${epochs}: ${figures.join(', ')}`;
}

/** Where the time of all epochs went: `The epochs took 83 s: waiting for images 3 s, computing 76 s, other 4 s`. */
export function timeWords(epochs: readonly EpochTimes[]): string {
  const sum = (part: keyof EpochTimes): number => epochs.reduce((all, seconds) => all + seconds[part], 0);
  const [waiting, computing, other] = [sum('waiting'), sum('computing'), sum('other')];
  const said = (seconds: number): string => `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  return `The epochs took ${said(waiting + computing + other)}: waiting for images ${said(waiting)}, computing ${said(computing)}, other ${said(other)}`;
}

/** A prediction: the label, how probable it is, the file. */
export function predictionWords({ file, label, probabilities }: PredictionEvent): string {
  const width = Math.max(...Object.keys(probabilities).map((name) => printable(name).length));
  return `${printable(label).padEnd(width)}  ${probabilities[label]!.toFixed(2)}  ${printable(file)}`;
}

/** Checkpoints as a table, and below it why some are not whole. */
export function checkpointWords(events: readonly CheckpointEvent[]): string {
  const rows = events.map(({ step, stage, bytes, date, state }) => [
    String(step),
    stage ?? '–',
    sizeWords(bytes),
    dateWords(date),
    state,
  ]);
  const table = align([['step', 'stage', 'size', 'date', 'state'], ...rows], 'rlrll');
  return [table, ...reasons(events)].join('\n');
}

/** Runs as a table, and below it why some are damaged. */
export function runWords(events: readonly RunEvent[]): string {
  const rows = events.map(({ run, date, backbone, recipe, state, step, accuracy, accuracyInterval, auc }) => [
    printable(run),
    dateWords(date),
    printable(backbone ?? '–'),
    printable(recipe ?? '–'),
    state === 'unfinished' && step !== null ? `unfinished at step ${step}` : state,
    figureWords(accuracy, accuracyInterval),
    figureWords(auc, null),
  ]);
  const header = ['run', 'date', 'backbone', 'recipe', 'state', 'accuracy', 'AUC'];
  return [align([header, ...rows], 'lllllll'), ...reasons(events)].join('\n');
}

function reasons(events: readonly { readonly reason?: string }[]): string[] {
  return events.flatMap(({ reason }) => (reason === undefined ? [] : [printable(reason)]));
}

function figureWords(value: number | null, interval: Interval | null): string {
  if (value === null) return '–';
  return interval
    ? `${value.toFixed(2)} [${interval[0].toFixed(2)}, ${interval[1].toFixed(2)}]`
    : value.toFixed(2);
}

function sizeWords(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** `2026-01-02 03:04:05`, UTC. */
function dateWords(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

function are(count: number): string {
  return count === 1 ? 'is' : 'are';
}
