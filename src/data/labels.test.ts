import { expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { labelFromPath, oneHot, stringLookup } from './labels.ts';

const vocabulary = ['CNV', 'DME'];

test('stringLookup gives places, 0 for other words', () => {
  const lookup = stringLookup({ vocabulary });
  expect(['CNV', 'DME', 'x', ''].map(lookup)).toEqual([1, 2, 0, 0]);
});

test('stringLookup without out-of-vocabulary indices refuses other words by name', () => {
  const lookup = stringLookup({ vocabulary, numOovIndices: 0 });
  expect(vocabulary.map(lookup)).toEqual([0, 1]);
  expect(() => lookup('constructor')).toThrow("'constructor' is not in the vocabulary: CNV, DME");
  expect(() => lookup('cnv')).toThrow(DataError);
});

test.each([
  [{ vocabulary: [] }, 'empty'],
  [{ vocabulary: ['a', 'b', 'a'] }, "'a' is in the vocabulary twice"],
  [{ vocabulary, numOovIndices: 2 as never }, 'numOovIndices must be 0 or 1'],
])('stringLookup refuses %o', (options, message) => {
  expect(() => stringLookup(options)).toThrow(UsageError);
  expect(() => stringLookup(options)).toThrow(message);
});

test('labelFromPath gives the name of a folder', () => {
  expect(labelFromPath('OCT2017/train/CNV/CNV-1-2.jpeg')).toBe('CNV');
  expect(labelFromPath('C:\\OCT2017\\train\\DME\\a.jpeg')).toBe('DME');
  expect(labelFromPath('/data/train/CNV/a.jpeg', 2)).toBe('train');
  expect(() => labelFromPath('a.jpeg')).toThrow('labelFromPath: a.jpeg has no folder 1 above the file');
  expect(() => labelFromPath('/a.jpeg')).toThrow(DataError);
  expect(() => labelFromPath('a/b', 0)).toThrow(UsageError);
});

test('oneHot of one label, and of several', () => {
  expect(oneHot(2, 4)).toEqual({ dtype: 'float32', shape: [4], data: Float32Array.of(0, 0, 1, 0) });
  expect(oneHot([1, 0], 2).shape).toEqual([2, 2]);
  expect(() => oneHot(4, 4)).toThrow(DataError);
});
