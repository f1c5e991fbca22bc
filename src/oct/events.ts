import type { EpochTimes } from '../training/callback.ts';
import type { Evaluation } from './evaluation.ts';

/** What a job tells while it runs. The command line shows these to a person, or prints them as JSON, one a line. */
export type JobEvent =
  | DataEvent
  | NoteEvent
  | ProgressEvent
  | EpochEvent
  | EvaluationEvent
  | PredictionEvent
  | SavedEvent;

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

export type Stage = 'check' | 'features' | 'head' | 'fine-tune' | 'test' | 'predict';

export interface EpochEvent {
  readonly event: 'epoch';
  readonly stage: 'head' | 'fine-tune';
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
  /** Ended before its last epoch. */
  readonly interrupted: boolean;
}

export type Listener = (event: JobEvent) => void;
