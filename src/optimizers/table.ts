import { adafactorRow } from './adafactor.ts';
import { adamaxRow, adamRow, adamWRow, nadamRow } from './adam.ts';
import { adadeltaRow, adagradRow, ftrlRow, rmspropRow } from './adaptive.ts';
import { muonRow } from './muon.ts';
import { lionRow, sgdRow } from './sgd.ts';

/** Optimizers by Keras' class names, https://keras.io/api/optimizers/ */
export const optimizerTable = {
  SGD: sgdRow,
  RMSprop: rmspropRow,
  Adam: adamRow,
  AdamW: adamWRow,
  Adadelta: adadeltaRow,
  Adagrad: adagradRow,
  Adamax: adamaxRow,
  Adafactor: adafactorRow,
  Nadam: nadamRow,
  Ftrl: ftrlRow,
  Lion: lionRow,
  Muon: muonRow,
};
