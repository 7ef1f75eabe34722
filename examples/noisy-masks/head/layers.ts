import * as tf from '@tensorflow/tfjs';

// The layers of the head, with gradients of their own. TensorFlow.js has no kernel for the gradient of a convolution with
// respect to its filter on the wasm backend, and slow ones for that with respect to its input and for products with
// transposed matrices. Written as convolutions and plain products, all of them run on the backend's fastest kernels.

type Gradient = {
  readonly value: tf.Tensor;
  readonly gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[];
};

/** An op of x and w with a gradient of its own. */
function op<X extends tf.Tensor, W extends tf.Tensor, Y extends tf.Tensor>(
  forward: (x: X, w: W) => Y,
  backward: (dy: Y, x: X, w: W) => tf.Tensor[],
): (x: X, w: W) => Y {
  return tf.customGrad((...args): Gradient => {
    const [x, w, save] = args as unknown as [X, W, tf.GradSaveFunc];
    save([x, w]);
    return { value: forward(x, w), gradFunc: (dy, [x, w]) => backward(dy as Y, x as X, w as W) };
  }) as unknown as (x: X, w: W) => Y;
}

/** A convolution of [N, H, W, I] by [K, K, I, O], K odd, stride 1, padded to the same size. */
export const convolve = op<tf.Tensor4D, tf.Tensor4D, tf.Tensor4D>(
  (x, w) => tf.conv2d(x, w, 1, 'same'),
  (dy, x, w) => {
    const flipped = tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]);
    const pad = (w.shape[0] - 1) / 2;
    // Channels as the batch and the batch as channels: what is left to sum over are the pixels.
    const byChannel = tf.transpose(x, [3, 1, 2, 0]);
    const asFilter = tf.transpose(dy, [1, 2, 0, 3]) as tf.Tensor4D;
    const dw = tf.conv2d(byChannel, asFilter, 1, [
      [0, 0],
      [pad, pad],
      [pad, pad],
      [0, 0],
    ]);
    return [tf.conv2d(dy, flipped, 1, 'same'), tf.transpose(dw, [1, 2, 0, 3])];
  },
);

/** The product of [N, I] and [I, O]. */
export const dense = op<tf.Tensor2D, tf.Tensor2D, tf.Tensor2D>(
  (x, w) => tf.matMul(x, w),
  (dy, x, w) => [tf.matMul(dy, tf.transpose(w)), tf.matMul(tf.transpose(x), dy)],
);

/** From [N, H, W, I] to [N, 2H, 2W, O] by [I, 4·O]: a transposed convolution of 2×2 with stride 2. */
export function upsample(x: tf.Tensor4D, w: tf.Tensor2D): tf.Tensor4D {
  const [n, height, width, channels] = x.shape;
  const out = w.shape[1] / 4;
  return dense(x.reshape([-1, channels]), w)
    .reshape([n, height, width, 2, 2, out])
    .transpose([0, 1, 3, 2, 4, 5])
    .reshape([n, 2 * height, 2 * width, out]);
}
