import { DataError, UsageError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import type { LabelledImage } from './labelled-image.ts';

/**
 * The patient's number in a file name that reads CLASS-patient-number.ext; `undefined` in any other.
 *
 * CLASS is one of the classes (in either case), or anything without digits and dashes, as the files may have been put
 * into folders of other names.
 *
 * @example patientOf('CNV/CNV-1016042-1.jpeg', ['CNV', 'NORMAL']) // '1016042'
 */
export function patientOf(name: string, classNames: readonly string[]): string | undefined {
  const file = name.slice(name.lastIndexOf('/') + 1);
  const match = /^(.+)-(\d+)-\d+\.[^.]+$/.exec(file);
  if (!match) return undefined;
  const prefix = match[1]!;
  const known = classNames.some((className) => className.toLowerCase() === prefix.toLowerCase());
  return known || !/[\d-]/.test(prefix) ? match[2] : undefined;
}

/** The images of one patient, and how many of them each class has. */
interface Patient {
  readonly id: string;
  readonly images: LabelledImage[];
  readonly counts: number[];
}

/** Patients in random order; that of the images changes nothing. */
function shuffledPatients(images: readonly LabelledImage[], seed: number, purpose: string): Patient[] {
  const classes = Math.max(...images.map(({ label }) => label)) + 1;
  const byId = new Map<string, Patient>();
  for (const image of images) {
    const patient = byId.get(image.patient) ?? {
      id: image.patient,
      images: [],
      counts: new Array<number>(classes).fill(0),
    };
    patient.images.push(image);
    patient.counts[image.label]!++;
    byId.set(image.patient, patient);
  }
  const sorted = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const order = new RandomStream(deriveKey(seed, purpose)).permutation(sorted.length);
  return Array.from(order, (i) => sorted[i]!);
}

/** How many images each class has. */
function classTotals(patients: readonly Patient[]): number[] {
  const [first] = patients;
  return first!.counts.map((_, c) => patients.reduce((sum, { counts }) => sum + counts[c]!, 0));
}

/** Some of the images of a list, in its order. */
function subset(images: readonly LabelledImage[], patients: Iterable<Patient>): LabelledImage[] {
  const chosen = new Set<LabelledImage>();
  for (const patient of patients) for (const image of patient.images) chosen.add(image);
  return images.filter((image) => chosen.has(image));
}

/**
 * Holds out about `fraction` of the images, no patient in both parts. Classes are held out in equal proportion as well
 * as whole patients allow. The same images and seed give the same parts.
 *
 * @param fraction the share to hold out, between 0 and 1
 * @returns both parts in the order of `images`
 * @throws {UsageError} when `fraction` is not between 0 and 1
 * @throws {DataError} when all images are of one patient
 * @example const { kept, heldOut } = splitByPatient(train, 0.2, 1);
 */
export function splitByPatient(
  images: readonly LabelledImage[],
  fraction: number,
  seed: number,
): { kept: LabelledImage[]; heldOut: LabelledImage[] } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new UsageError(`the fraction to hold out must be between 0 and 1, got ${fraction}`);
  }
  const patients = images.length > 0 ? shuffledPatients(images, seed, 'split by patient') : [];
  if (patients.length < 2) throw tooFewPatients(patients.length, 2);
  const totals = classTotals(patients);
  const held = totals.map(() => 0);
  const heldOut = new Set<Patient>();
  // A patient is held out where that brings the classes nearer to their share: Σ (held − fraction · total)² / total.
  for (const patient of patients) {
    const change = totals.reduce((sum, total, c) => {
      if (total === 0) return sum;
      const missing = fraction * total - held[c]!;
      return sum + ((missing - patient.counts[c]!) ** 2 - missing ** 2) / total;
    }, 0);
    if (change >= 0) continue;
    heldOut.add(patient);
    for (const [c, count] of patient.counts.entries()) held[c]! += count;
  }
  // With few, large patients none may bring them nearer; both parts need one all the same.
  if (heldOut.size === 0) heldOut.add(smallest(patients));
  if (heldOut.size === patients.length) heldOut.delete(smallest(patients));
  const kept = patients.filter((patient) => !heldOut.has(patient));
  return { kept: subset(images, kept), heldOut: subset(images, heldOut) };
}

function smallest(patients: readonly Patient[]): Patient {
  return patients.reduce((best, patient) => (patient.images.length < best.images.length ? patient : best));
}

/**
 * Divides images into `k` folds for cross-validation, no patient in two of them, classes in equal proportion as well as
 * whole patients allow. The same images and seed give the same folds.
 *
 * @param k how many folds, from 2 to the number of patients
 * @returns for each fold, the images that are held out in it, in the order of `images`
 * @throws {UsageError} when `k` is not a whole number from 2 on
 * @throws {DataError} when there are fewer patients than folds
 */
export function patientFolds(images: readonly LabelledImage[], k: number, seed: number): LabelledImage[][] {
  if (!Number.isInteger(k) || k < 2) {
    throw new UsageError(`the number of folds must be a whole number from 2 on, got ${k}`);
  }
  const patients = images.length > 0 ? shuffledPatients(images, seed, 'patient folds') : [];
  if (patients.length < k) throw tooFewPatients(patients.length, k);
  const totals = classTotals(patients);
  const folds = Array.from({ length: k }, () => ({
    patients: [] as Patient[],
    counts: totals.map(() => 0),
    size: 0,
  }));
  // The largest patients first, while there is room to even them out; each goes where its classes are rarest.
  for (const patient of patients.toSorted((a, b) => b.images.length - a.images.length)) {
    const crowding = folds.map(({ counts }) =>
      counts.reduce((sum, count, c) => sum + (count * patient.counts[c]!) / Math.max(totals[c]!, 1), 0),
    );
    const best = folds.reduce((chosen, fold, i) => {
      const difference = crowding[i]! - crowding[chosen]!;
      return difference < 0 || (difference === 0 && fold.size < folds[chosen]!.size) ? i : chosen;
    }, 0);
    const fold = folds[best]!;
    fold.patients.push(patient);
    fold.size += patient.images.length;
    for (const [c, count] of patient.counts.entries()) fold.counts[c]! += count;
  }
  return folds.map((fold) => subset(images, fold.patients));
}

function tooFewPatients(patients: number, needed: number): DataError {
  return new DataError(
    `images of at least ${needed} patients are needed, so that none is on both sides; got ${patients}`,
  );
}

/** The patients who have images in both parts, sorted: a result on `test` says too much of itself where there are any. */
export function leakedPatients(train: readonly LabelledImage[], test: readonly LabelledImage[]): string[] {
  const known = new Set(train.map(({ patient }) => patient));
  return [...new Set(test.map(({ patient }) => patient).filter((patient) => known.has(patient)))].sort();
}
