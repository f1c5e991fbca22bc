/** Networks that learned on ImageNet, and what they expect of pixels: https://keras.io/api/applications/ */
export { preprocessInput, type Vgg16Options, vgg16 } from '../applications/vgg16.ts';
