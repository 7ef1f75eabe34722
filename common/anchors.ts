/** The anchors of torchvision's RPN for an image, of five levels. */
export function anchorsOf(height: number, width: number): Float32Array {
  const anchors: number[] = [];
  for (const [stride, size] of [
    [4, 32],
    [8, 64],
    [16, 128],
    [32, 256],
    [64, 512],
  ] as const) {
    const shapes = [0.5, 1, 2].map((ratio) => {
      const h = Math.fround(Math.sqrt(Math.fround(ratio)));
      return [Math.fround(Math.fround(1 / h) * size), Math.fround(h * size)] as const;
    });
    const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
    const [strideY, strideX] = [Math.floor(height / rows), Math.floor(width / columns)];
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        for (const [w, h] of shapes) {
          const [x, y] = [column * strideX, row * strideY];
          // Round to even, as PyTorch.
          const [right, bottom] = [roundToEven(w / 2), roundToEven(h / 2)];
          anchors.push(x - right, y - bottom, x + right, y + bottom);
        }
  }
  return Float32Array.from(anchors);
}

function roundToEven(x: number): number {
  const below = Math.floor(x);
  return x - below === 0.5 ? below + (below % 2) : Math.round(x);
}
