import { typeError } from './errors';
import type { NativeRecorded } from './native';

/** A captured step, launched as often as one likes. Made by `batch.capture`. */
export class Graph<S> implements Disposable {
  readonly #recorded: NativeRecorded;
  readonly #launch: () => S;
  #disposed = false;

  private constructor(recorded: NativeRecorded, launch: () => S) {
    this.#recorded = recorded;
    this.#launch = launch;
  }

  /** @internal `launch` checks that the batch can be used, runs what was recorded and makes a step of it. */
  static create<S>(recorded: NativeRecorded, launch: () => S): Graph<S> {
    return new Graph(recorded, launch);
  }

  /**
   * Enqueues the step over what the batch's inputs hold then. Many may be under way at once.
   * @returns a step as the loss function does
   * @throws `ERR_ROI_LOSS_DISPOSED` if the graph, its batch or a tensor of it is disposed; `ERR_ROI_LOSS_LABEL` and
   * `ERR_ROI_LOSS_VALUE` on the CPU
   */
  launch(): S {
    if (this.#disposed) throw typeError('ERR_ROI_LOSS_DISPOSED', 'graph has been disposed');
    return this.#launch();
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Frees what was captured, once the launches under way are done with it. The batch stays. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#recorded.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
