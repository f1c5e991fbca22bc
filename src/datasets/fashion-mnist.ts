import { type LoadDataOptions, loadPublished, type Published, type TrainAndTest } from './published.ts';

/** What the labels mean, in their order: https://github.com/zalandoresearch/fashion-mnist#labels */
export const classNames = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
] as const;

const fashionMnist: Published = {
  name: 'Fashion-MNIST',
  folder: 'fashion-mnist',
  mirrors: [
    'https://storage.googleapis.com/tensorflow/tf-keras-datasets/',
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  ],
  imageShape: [28, 28],
  classNames,
  train: {
    images: {
      name: 'train-images-idx3-ubyte.gz',
      bytes: 26_421_880,
      sha256: '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
    },
    labels: {
      name: 'train-labels-idx1-ubyte.gz',
      bytes: 29_515,
      sha256: 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
    },
  },
  test: {
    images: {
      name: 't10k-images-idx3-ubyte.gz',
      bytes: 4_422_102,
      sha256: '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
    },
    labels: {
      name: 't10k-labels-idx1-ubyte.gz',
      bytes: 5_148,
      sha256: '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
    },
  },
};

/**
 * Fashion-MNIST: grey pictures of clothes in ten classes, 60,000 to train and 10,000 to test, 28×28 each, under the MIT
 * licence (Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
 * algorithms", 2017). https://keras.io/api/datasets/fashion_mnist/
 *
 * The four files (31 MB) are downloaded to `fashion-mnist` in `$XDG_CACHE_HOME/fovea` (`~/.cache/fovea` where that is
 * not set) and checked against their SHA-256, there too with each later call. Files that were put there by hand serve as
 * well. With `path` nothing is downloaded, and a part of the data set will do.
 *
 * @returns `train` and `test`, each with `images` (uint8, 0 to 255, [60000, 28, 28] and [10000, 28, 28]) and `labels`
 *   (uint8, 0 to 9, [60000] and [10000])
 * @throws {DownloadError} when no mirror gives a file; it says which files to put where
 * @throws {DataError} when a file of `path` is missing, damaged, or no part of such a data set
 * @throws {SystemError} when the cache cannot be written
 * @example
 * const { train, test } = await datasets.fashionMnist.loadData();
 * const examples = Dataset.fromTensorSlices(train); // { images: [28, 28], labels: [] } each
 */
export async function loadData(options: LoadDataOptions = {}): Promise<TrainAndTest> {
  return loadPublished(fashionMnist, options);
}
