import { checkMade } from './check';
import { callNative, plainError, rangeError } from './errors';
import { ofThisThread } from './handles';
import type { NativePending } from './native';
import { lossesOf, lossOf, metricsOf } from './results';
import type { TermName } from './terms';
import type { Losses, Metrics, PerRoi } from './types';

/** Handle to a native step, undefined once it is done. A recorded step has none, and asking for its results throws. */
export type Pending = NativePending | 'recorded' | undefined;

/** The losses by RoI of the terms with `reduction: 'none'`; `read` throws if a later step than `step` has overwritten them. */
export interface PerRoiReader {
  readonly terms: readonly TermName[];
  read(step: object, term: TermName): Promise<Float32Array>;
}

/** Makes a step from its numbers, what is pending of it, and a reader of its losses by RoI if it leaves any. */
export type MakeStep<S> = (call: Float64Array, pending: Pending, perRoi: PerRoiReader | undefined) => S;

const ofThread = ofThisThread('step');

/** A step over a batch: done already, in flight on the device, or captured. */
abstract class Step<Outcome extends { readonly metrics: unknown }> {
  /** @internal */
  readonly thread = ofThread;
  readonly #perRoi: PerRoiReader | undefined;
  /** A step in flight and its own copy of the numbers that describe it. */
  #pending: { readonly step: NativePending | 'recorded'; readonly call: Float64Array } | undefined;
  #outcome: Outcome | undefined;

  /** @internal `call`: the numbers of the step, with its results if nothing is pending. */
  constructor(call: Float64Array, pending: Pending, perRoi: PerRoiReader | undefined) {
    checkMade(call, 'a step', 'fusedLoss() or a function of one term');
    this.#perRoi = perRoi;
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
    const perRoi = this.#perRoi;
    if (!perRoi) throw rangeError('ERR_ROI_LOSS_OPTION', "perRoi is there with reduction: 'none' only");
    await this.outcome();
    const read = perRoi.terms.map(async (term) => [term, await perRoi.read(this, term)]);
    return Object.fromEntries(await Promise.all(read)) as PerRoi;
  }
}

/** A step of one term. */
export class TermStep<M = never> extends Step<{ readonly loss: number; readonly metrics: M | undefined }> {
  readonly #term: TermName;

  private constructor(
    call: Float64Array,
    pending: Pending,
    perRoi: PerRoiReader | undefined,
    term: TermName,
  ) {
    super(call, pending, perRoi);
    this.#term = term;
    if (!pending) this.finish(call);
  }

  /** @internal */
  static create<M>(
    call: Float64Array,
    pending: Pending,
    perRoi: PerRoiReader | undefined,
    term: TermName,
  ): TermStep<M> {
    return new TermStep(call, pending, perRoi, term);
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
  private constructor(call: Float64Array, pending: Pending, perRoi: PerRoiReader | undefined) {
    super(call, pending, perRoi);
    if (!pending) this.finish(call);
  }

  /** @internal */
  static create(call: Float64Array, pending: Pending, perRoi: PerRoiReader | undefined): LossStep {
    return new LossStep(call, pending, perRoi);
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
