import type { Batch } from './batch';
import { typeError } from './errors';
import type { NativeRecorded } from './native';
import type { Pending } from './step';
import type { TermName } from './terms';

/** Makes a step of its numbers, what is pending of it and the terms whose reduction is `'none'`. */
export type MakeStep<S> = (call: Float64Array, pending: Pending, perRoiTerms: readonly TermName[]) => S;

/** A captured step, launched as often as one likes. Made by `batch.capture`. */
export class Graph<S> implements Disposable {
  readonly #batch: Batch;
  readonly #recorded: NativeRecorded;
  readonly #launch: () => S;
  #disposed = false;

  private constructor(batch: Batch, recorded: NativeRecorded, launch: () => S) {
    this.#batch = batch;
    this.#recorded = recorded;
    this.#launch = launch;
  }

  /** @internal `launch` runs what was recorded and makes a step of it. */
  static create<S>(batch: Batch, recorded: NativeRecorded, launch: () => S): Graph<S> {
    return new Graph(batch, recorded, launch);
  }

  /**
   * Enqueues the step over what the batch's inputs hold then. Many may be under way at once.
   * @returns a step as the loss function does
   * @throws `ERR_ROI_LOSS_DISPOSED` if the graph, its batch or a tensor of it is disposed; `ERR_ROI_LOSS_LABEL` and
   * `ERR_ROI_LOSS_VALUE` on the CPU
   */
  launch(): S {
    if (this.#disposed) throw typeError('ERR_ROI_LOSS_DISPOSED', 'graph has been disposed');
    this.#batch.checkUsable();
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
