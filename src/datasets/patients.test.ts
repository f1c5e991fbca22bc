import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import type { LabelledImage } from './labelled-image.ts';
import { leakedPatients, patientFolds, patientOf, splitByPatient } from './patients.ts';

/** Images of patients: each entry is a patient's number of images by class. */
function imagesOf(patients: readonly (readonly number[])[]): LabelledImage[] {
  return patients.flatMap((counts, patient) =>
    counts.flatMap((count, label) =>
      Array.from({ length: count }, (_, i) => ({
        path: `/${label}-${patient}-${i}`,
        name: `${label}-${patient}-${i}`,
        label,
        patient: `${patient}`,
      })),
    ),
  );
}

const counts = (images: readonly LabelledImage[], classes: number): number[] =>
  Array.from({ length: classes }, (_, c) => images.filter(({ label }) => label === c).length);

const patientCounts = fc
  .array(fc.nat(4), { minLength: 3, maxLength: 3 })
  .filter((perClass) => perClass.some((count) => count > 0));
const anyImages = fc.array(patientCounts, { minLength: 5, maxLength: 40 }).map(imagesOf);

test.each([
  ['CNV/CNV-1016042-1.jpeg', '1016042'],
  ['urgent/CNV-1016042-1.jpeg', '1016042'],
  ['stage-2/stage-2-17-3.png', '17'],
  ['CNV/cnv-5-1.tiff', '5'],
  ['CNV/deep/CNV-5-12.tiff', '5'],
  ['a/photo-2023-11-05.jpg', undefined],
  ['a/CNV-1016042.jpeg', undefined],
  ['a/CNV-12-1', undefined],
  ['a/12-1.jpeg', undefined],
])('the patient of %s is %s', (name, patient) => {
  expect(patientOf(name, ['CNV', 'stage-2'])).toBe(patient);
});

describe('splitByPatient', () => {
  test('every image is in one part, no patient in both, and neither is empty', () => {
    fc.assert(
      fc.property(
        anyImages,
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.nat(),
        (images, fraction, seed) => {
          const { kept, heldOut } = splitByPatient(images, fraction, seed);
          expect(kept.length + heldOut.length).toBe(images.length);
          expect(new Set([...kept, ...heldOut]).size).toBe(images.length);
          expect(leakedPatients(kept, heldOut)).toEqual([]);
          expect(Math.min(kept.length, heldOut.length)).toBeGreaterThan(0);
        },
      ),
    );
  });

  test('classes are held out in proportion', () => {
    const images = imagesOf([
      ...Array(60).fill([1, 0, 0]),
      ...Array(30).fill([0, 2, 0]),
      ...Array(10).fill([0, 0, 2]),
    ]);
    for (let seed = 0; seed < 20; seed++) {
      expect(counts(splitByPatient(images, 0.2, seed).heldOut, 3)).toEqual([12, 12, 4]);
    }
  });

  test('the seed decides, the order of the images does not', () => {
    const images = imagesOf(Array(20).fill([2, 1]));
    const names = (list: readonly LabelledImage[], seed: number): string[] =>
      splitByPatient(list, 0.3, seed).heldOut.map(({ name }) => name);
    expect(names(images.toReversed(), 1).toSorted()).toEqual(names(images, 1).toSorted());
    expect(names(images, 2)).not.toEqual(names(images, 1));
  });

  test('with two large patients each part gets one', () => {
    const { kept, heldOut } = splitByPatient(imagesOf([[50], [40]]), 0.1, 1);
    expect([kept.length, heldOut.length]).toEqual([50, 40]);
  });

  test('refuses a fraction that is none, and images of one patient', () => {
    const images = imagesOf([[1], [1]]);
    for (const fraction of [0, 1, -0.5, Number.NaN]) {
      expect(() => splitByPatient(images, fraction, 1)).toThrow(UsageError);
    }
    expect(() => splitByPatient(imagesOf([[5]]), 0.5, 1)).toThrow('at least 2 patients are needed');
    expect(() => splitByPatient([], 0.5, 1)).toThrow(DataError);
  });
});

describe('patientFolds', () => {
  test('every image is held out once, and no patient in two folds', () => {
    fc.assert(
      fc.property(anyImages, fc.integer({ min: 2, max: 5 }), fc.nat(), (images, k, seed) => {
        const folds = patientFolds(images, k, seed);
        expect(folds).toHaveLength(k);
        expect(new Set(folds.flat()).size).toBe(images.length);
        expect(folds.flat()).toHaveLength(images.length);
        for (const [i, fold] of folds.entries()) {
          expect(fold.length).toBeGreaterThan(0);
          for (const other of folds.slice(i + 1)) expect(leakedPatients(fold, other)).toEqual([]);
        }
      }),
    );
  });

  test('classes are spread evenly', () => {
    const images = imagesOf([...Array(50).fill([1, 0]), ...Array(20).fill([0, 2])]);
    for (const fold of patientFolds(images, 5, 3)) expect(counts(fold, 2)).toEqual([10, 8]);
  });

  test('the seed decides, the order of the images does not', () => {
    const images = imagesOf(Array(20).fill([1, 1]));
    const names = (list: readonly LabelledImage[], seed: number): string[][] =>
      patientFolds(list, 4, seed).map((fold) => fold.map(({ name }) => name).sort());
    expect(names(images.toReversed(), 1)).toEqual(names(images, 1));
    expect(names(images, 2)).not.toEqual(names(images, 1));
  });

  test('refuses a number of folds that is none, or more folds than patients', () => {
    expect(() => patientFolds(imagesOf([[1], [1]]), 1, 1)).toThrow(UsageError);
    expect(() => patientFolds(imagesOf([[1], [1]]), 3, 1)).toThrow('at least 3 patients are needed');
  });
});

test('leaked patients are those with images in both parts', () => {
  const images = imagesOf([[2], [2], [2]]);
  expect(leakedPatients(images.slice(0, 3), images.slice(3))).toEqual(['1']);
  expect(leakedPatients(images.slice(0, 2), images.slice(2))).toEqual([]);
});
