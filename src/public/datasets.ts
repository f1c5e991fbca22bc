/** Folders of labelled images, their patients, and batches of them. */
export { type IdxDType, type ReadIdxOptions, readIdx } from '../codecs/idx.ts';
export {
  type CheckedFolder,
  type CheckOptions,
  checkImages,
  type UnreadableFile,
} from '../datasets/check-images.ts';
export { balancedClassWeights, classCounts } from '../datasets/class-weights.ts';
export { DownloadError } from '../datasets/download.ts';
export * as fashionMnist from '../datasets/fashion-mnist.ts';
export {
  type DatasetViews,
  type ImageBatch,
  type ImageDatasetOptions,
  imageDataset,
} from '../datasets/image-dataset.ts';
export { imageDatasetFromDirectory } from '../datasets/image-directory.ts';
export type {
  ImageDirectory,
  ImageDirectoryOf,
  ImageDirectoryOptions,
} from '../datasets/image-directory-options.ts';
export { type LabelledFolder, type PartName, scanLabelledFolder } from '../datasets/labelled-folder.ts';
export type { LabelledImage } from '../datasets/labelled-image.ts';
export { leakedPatients, patientFolds, patientOf, splitByPatient } from '../datasets/patients.ts';
export type { ImagesAndLabels, LoadDataOptions, TrainAndTest } from '../datasets/published.ts';
export { samplesPath } from '../datasets/samples.ts';
