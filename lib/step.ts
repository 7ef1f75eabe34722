import type { Batch } from './batch';
import { callNative, plainError, rangeError } from './errors';
import { ofThisThread } from './handles';
import type { NativePending } from './native';
import { lossesOf, lossOf, metricsOf } from './results';
import type { TermName } from './terms';
import type { Losses, Metrics, PerRoi } from './types';

/** Native code's hold on a step; of one that was but recorded there is none, and asking for its results throws. */
export type Pending = NativePending | 'recorded' | undefined;

const ofThread = ofThisThread('step');

/** A step over a batch: done already, in flight on the device, or captured. */
abstract class Step<Outcome extends { readonly metrics: unknown }> {
  /** @internal */
  readonly thread = ofThread;
  readonly #batch: Batch;
  readonly #perRoiTerms: readonly TermName[];
  /** A step in flight and its own copy of the numbers that describe it. */
  #pending: { readonly step: NativePending | 'recorded'; readonly call: Float64Array } | undefined;
  #outcome: Outcome | undefined;

  /** @internal `call`: the numbers of the step, with its results if nothing is pending. `perRoiTerms`: the terms whose
   * reduction is `'none'`. */
  constructor(batch: Batch, call: Float64Array, pending: Pending, perRoiTerms: readonly TermName[]) {
    this.#batch = batch;
    this.#perRoiTerms = perRoiTerms;
    this.#pending = pending && { step: pending, call: call.slice() };
  }

  /** What the numbers of a finished call tell. Called by the constructor of a step that is done. */
  protected abstract readOutcome(call: Float64Array): Outcome;

  protected finish(call: Float64Array): void {
    this.#outcome = this.readOutcome(call);
  }

  /** What to wait for: of a step in somebody else's graph, the last run, which may come again. */
  #running(): NativePending | undefined {
    const step = this.#pending?.step;
    if (step === 'recorded')
      throw plainError(
        'ERR_ROI_LOSS_CAPTURE',
        'this step was captured and has no results; expected those of the graph’s launch()',
      );
    return step?.captured ? callNative(() => step.latest()) : step;
  }

  #outcomeOf(running: NativePending | undefined): Outcome {
    if (this.#pending && running) {
      const { step, call } = this.#pending;
      callNative(() => running.result(call));
      if (running === step) this.#pending = undefined;
      this.finish(call);
    }
    return this.#outcome as Outcome;
  }

  protected outcomeSync(): Outcome {
    return this.#outcomeOf(this.#running());
  }

  protected async outcome(): Promise<Outcome> {
    const running = this.#running();
    await running?.done();
    return this.#outcomeOf(running);
  }

  /** The loss of each RoI, by term, from the batch's memory. */
  protected async readPerRoi(): Promise<PerRoi> {
    if (this.#perRoiTerms.length === 0)
      throw rangeError('ERR_ROI_LOSS_OPTION', "perRoi is there with reduction: 'none' only");
    await this.outcome();
    const read = this.#perRoiTerms.map(async (term) => {
      if (this.#batch.perRoiOwner[term] !== this)
        throw plainError('ERR_ROI_LOSS_STALE', `the batch's ${term} losses by RoI are those of a later step`);
      return [term, await this.#batch.perRoi[term]?.read()];
    });
    return Object.fromEntries(await Promise.all(read)) as PerRoi;
  }
}

/** A step of one term. */
export class TermStep<M = never> extends Step<{ readonly loss: number; readonly metrics: M | undefined }> {
  readonly #term: TermName;

  private constructor(
    batch: Batch,
    call: Float64Array,
    pending: Pending,
    term: TermName,
    perRoiTerms: readonly TermName[],
  ) {
    super(batch, call, pending, perRoiTerms);
    this.#term = term;
    if (!pending) this.finish(call);
  }

  /** @internal */
  static create<M>(
    batch: Batch,
    call: Float64Array,
    pending: Pending,
    term: TermName,
    perRoiTerms: readonly TermName[],
  ): TermStep<M> {
    return new TermStep(batch, call, pending, term, perRoiTerms);
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
  private constructor(batch: Batch, call: Float64Array, pending: Pending, perRoiTerms: readonly TermName[]) {
    super(batch, call, pending, perRoiTerms);
    if (!pending) this.finish(call);
  }

  /** @internal */
  static create(
    batch: Batch,
    call: Float64Array,
    pending: Pending,
    perRoiTerms: readonly TermName[],
  ): LossStep {
    return new LossStep(batch, call, pending, perRoiTerms);
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
