import type { EpochTimes } from '../training/callback.ts';
import type { Evaluation } from './evaluation.ts';
import type { Interval } from './interval.ts';

/** What a job tells while it runs. The command line shows these to a person, or prints them as JSON, one a line. */
export type JobEvent =
  | DataEvent
  | NoteEvent
  | ProgressEvent
  | EpochEvent
  | EvaluationEvent
  | PredictionEvent
  | SavedEvent
  | CheckpointEvent
  | RunEvent;

/** The data that was found. */
export interface DataEvent {
  readonly event: 'data';
  /** The folder, or `sample`. */
  readonly data: string;
  readonly classes: readonly string[];
  readonly parts: readonly DataPart[];
  /** How patients are told apart: by numbers in file names, by file, or some so and some so. */
  readonly patientsBy: 'numbers' | 'files' | 'both';
  /** How the parts came about: as folders, or split off by patient or by file. */
  readonly split: 'folders' | 'patients' | 'files';
  /** Patients of the training part that reappear in the test part. */
  readonly leakedPatients: readonly string[];
  /** Files that were left out, and why. */
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
}

export interface DataPart {
  readonly part: 'train' | 'validation' | 'test';
  readonly images: number;
  readonly patients: number;
  /** Images of each class, in the order of `classes`. */
  readonly perClass: readonly number[];
}

/** A choice that was made, and why; or a warning. */
export interface NoteEvent {
  readonly event: 'note';
  readonly message: string;
}

/** How far a stage is. Not printed as JSON. */
export interface ProgressEvent {
  readonly event: 'progress';
  readonly stage: Stage;
  readonly epoch: number;
  readonly epochs: number;
  /** Images of this epoch so far, of how many. */
  readonly done: number;
  readonly total: number;
  readonly imagesPerSecond: number;
  /** Of this stage. */
  readonly secondsLeft: number;
  readonly loss?: number;
  readonly accuracy?: number;
}

export type Stage = 'check' | 'features' | 'head' | 'fine-tune' | 'test' | 'predict' | 'train';

export interface EpochEvent {
  readonly event: 'epoch';
  readonly stage: 'head' | 'fine-tune' | 'train';
  readonly epoch: number;
  readonly epochs: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  readonly imagesPerSecond: number;
  /** Where its time went: waiting for images (and for what frozen layers make of them), computing steps, all other. */
  readonly seconds: EpochTimes;
}

export type EvaluationEvent = { readonly event: 'evaluation' } & Evaluation;

export interface PredictionEvent {
  readonly event: 'prediction';
  readonly file: string;
  readonly label: string;
  readonly probabilities: Readonly<Record<string, number>>;
}

export interface SavedEvent {
  readonly event: 'saved';
  readonly run: string;
  /** Ended before its last epoch; the same call goes on with it. */
  readonly interrupted: boolean;
  /** Where it was interrupted: steps of all stages so far. */
  readonly step?: number;
}

/** A checkpoint of a training. */
export interface CheckpointEvent {
  readonly event: 'checkpoint';
  readonly file: string;
  /** Of the whole training. */
  readonly step: number;
  /** Null for a training without stages, and where it cannot be read. */
  readonly stage: string | null;
  readonly bytes: number;
  /** ISO 8601. */
  readonly date: string;
  readonly state: 'whole' | 'damaged' | 'unreadable';
  /** Why it is not whole. */
  readonly reason?: string;
}

/** A run folder, or one of a training that has not come to its end. */
export interface RunEvent {
  readonly event: 'run';
  readonly run: string;
  /** ISO 8601: when it was written last. */
  readonly date: string;
  readonly backbone: string | null;
  readonly recipe: string | null;
  readonly state: 'finished' | 'unfinished' | 'damaged';
  /** Of the newest checkpoint; null where there is none. */
  readonly step: number | null;
  /** On the test part; null where it was not tested. */
  readonly accuracy: number | null;
  readonly accuracyInterval: Interval | null;
  readonly auc: number | null;
  /** Why it is damaged. */
  readonly reason?: string;
}

export type Listener = (event: JobEvent) => void;
