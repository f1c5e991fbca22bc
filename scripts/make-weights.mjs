// Makes weights/vgg16-imagenet-notop.safetensors: VGG16's ImageNet weights, rounded to half precision.
//
//   npm run build && node scripts/make-weights.mjs [source.safetensors]
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors, encodeSafetensors } from '../dist/modules/codecs/safetensors.js';
import { writeFileWhole } from '../dist/modules/core/files.js';
import { toFloat16 } from '../dist/modules/core/float16.js';
import { tensor } from '../dist/modules/core/tensor.js';

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const source = process.argv[2] ?? pathOf('../../shared/data/vgg16/vgg16_notop.safetensors');
const target = pathOf('../weights/vgg16-imagenet-notop.safetensors');

const { tensors, metadata } = decodeSafetensors(await readFile(source), source);
const halves = Object.entries(tensors).map(([name, { shape, data }]) => [
  name,
  tensor('float16', shape, toFloat16(data)),
]);
const file = encodeSafetensors(Object.fromEntries(halves), {
  ...metadata,
  source: 'VGG16 by the Visual Geometry Group, University of Oxford, as ported by Keras',
  licence: 'CC BY 4.0, https://creativecommons.org/licenses/by/4.0/',
  changes: 'without its top; rounded to half precision, to nearest, ties to even',
});
await writeFileWhole(target, file);
console.log(`${target}: ${halves.length} tensors, ${(file.length / 1e6).toFixed(1)} MB`);
