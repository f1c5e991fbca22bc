/** An image file and the class of the folder that it lies in. */
export interface LabelledImage {
  /** Absolute. */
  readonly path: string;
  /** Within its part, with forward slashes: `CNV/CNV-1016042-1.jpeg`. */
  readonly name: string;
  /** Index into the class names. */
  readonly label: number;
  /** Images of one patient have the same; where names say nothing of patients, each image has its own. */
  readonly patient: string;
}
