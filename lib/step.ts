import type { Batch } from './batch';
import { lossesOf, lossOf, metricsOf, type TermName } from './call';
import { plainError, rangeError } from './errors';
import type { NativePending } from './native';
import type { Losses, Metrics, PerRoi } from './types';

/** A step over a batch: done already, or in flight on the device. */
abstract class Step<Outcome extends { readonly metrics: unknown }> {
  readonly #batch: Batch;
  readonly #perRoiTerms: readonly TermName[];
  /** A step in flight and its own copy of the numbers that describe it. */
  #pending: { readonly step: NativePending; readonly call: Float64Array } | undefined;
  #outcome: Outcome | undefined;

  /** @internal `perRoiTerms`: the terms whose reduction is `'none'`. */
  constructor(batch: Batch, pending: NativePending | undefined, perRoiTerms: readonly TermName[]) {
    this.#batch = batch;
    this.#perRoiTerms = perRoiTerms;
    this.#pending = pending && { step: pending, call: batch.call.slice() };
    for (const term of perRoiTerms) batch.perRoiOwner[term] = this;
  }

  /** What the numbers of a finished call tell. Called by the constructor of a step that is done. */
  protected abstract readOutcome(call: Float64Array): Outcome;

  protected finish(call: Float64Array): void {
    this.#outcome = this.readOutcome(call);
  }

  protected outcomeSync(): Outcome {
    if (this.#pending) {
      const { step, call } = this.#pending;
      step.result(call);
      this.#pending = undefined;
      this.finish(call);
    }
    return this.#outcome as Outcome;
  }

  protected async outcome(): Promise<Outcome> {
    await this.#pending?.step.done();
    return this.outcomeSync();
  }

  /** The loss of each RoI, by term, from the batch's memory. */
  protected async readPerRoi(): Promise<PerRoi> {
    if (this.#perRoiTerms.length === 0)
      throw rangeError('ERR_ROI_LOSS_OPTION', "perRoi is there with reduction: 'none' only");
    await this.outcome();
    const perRoi: { [K in TermName]?: Float32Array } = {};
    for (const term of this.#perRoiTerms) {
      if (this.#batch.perRoiOwner[term] !== this)
        throw plainError('ERR_ROI_LOSS_STALE', `the batch's ${term} losses by RoI are those of a later step`);
      perRoi[term] = this.#batch.perRoi[term]?.readSync() as Float32Array;
    }
    return perRoi;
  }
}

/** A step of one term. */
export class TermStep<M = never> extends Step<{ readonly loss: number; readonly metrics: M | undefined }> {
  readonly #term: TermName;

  /** @internal */
  constructor(batch: Batch, pending: NativePending | undefined, term: TermName, perRoi: boolean) {
    super(batch, pending, perRoi ? [term] : []);
    this.#term = term;
    if (!pending) this.finish(batch.call);
  }

  /** The reduced loss, `weight` included, once the device is done. */
  async loss(): Promise<number> {
    return (await this.outcome()).loss;
  }

  /** As `loss`, but blocks until the device is done. */
  lossSync(): number {
    return this.outcomeSync().loss;
  }

  /** The losses of the RoIs, [R] (mask: [P]). With `reduction: 'none'` only, and until a later step overwrites them. */
  async perRoi(): Promise<Float32Array> {
    return (await this.readPerRoi())[this.#term] as Float32Array;
  }

  /** With `metrics: true` only, else undefined. */
  async metrics(): Promise<M | undefined> {
    return (await this.outcome()).metrics;
  }

  protected override readOutcome(call: Float64Array) {
    const metrics: Metrics | undefined = metricsOf(call);
    const own = this.#term === 'box' ? undefined : metrics?.[this.#term];
    return { loss: lossOf(call, this.#term), metrics: own as M | undefined };
  }
}

/** A step of all the terms of a batch. */
export class LossStep extends Step<{ readonly losses: Losses; readonly metrics: Metrics | undefined }> {
  /** @internal */
  constructor(batch: Batch, pending: NativePending | undefined, perRoiTerms: readonly TermName[]) {
    super(batch, pending, perRoiTerms);
    if (!pending) this.finish(batch.call);
  }

  /** The reduced losses, weights included, once the device is done. */
  async losses(): Promise<Losses> {
    return (await this.outcome()).losses;
  }

  /** As `losses`, but blocks until the device is done. */
  lossesSync(): Losses {
    return this.outcomeSync().losses;
  }

  /** The losses of the RoIs for the terms with `reduction: 'none'`, until a later step overwrites them. */
  async perRoi(): Promise<PerRoi> {
    return this.readPerRoi();
  }

  /** With `metrics: true` only, else undefined. */
  async metrics(): Promise<Metrics | undefined> {
    return (await this.outcome()).metrics;
  }

  protected override readOutcome(call: Float64Array) {
    return { losses: lossesOf(call), metrics: metricsOf(call) };
  }
}
