import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const settings = join(__dirname, '..', 'build', 'Release', 'images', 'images.json');

/** An image of the kernels that the addon carries, as native/cuda/images.cmake had nvcc make it. */
export interface BuiltImage {
  /** Version of the toolkit, such as `11.8`. */
  readonly cuda: string;
  /** Path of the compiler. */
  readonly nvcc: string;
  readonly options: readonly string[];
  /** Compute capabilities, without their points, with machine code in the image. */
  readonly architectures: readonly number[];
  /** The same of PTX. */
  readonly ptx: readonly number[];
}

/** The images of this build, the newest toolkit's first; none without nvcc. */
export const builtImages = (): readonly BuiltImage[] =>
  existsSync(settings) ? JSON.parse(readFileSync(settings, 'utf8')) : [];
