import type { Case } from './cases';
import type { Result, Verdict } from './targets';

/** The cases of a kind of device, and what runs them. */
export interface Half extends Disposable {
  readonly cases: readonly Case[];
  /** As the reports name it. */
  readonly machine: string;
  readonly device: string;
  /** By peer: its version, or how to install it. */
  readonly peers: { readonly [peer: string]: string };
  /** The lanes that GB/s and the share of the floor are of. */
  readonly lanes: { readonly ours: string; readonly floor: string };
  /** What the table shows. */
  readonly caption: string;
  /** Times a case on every contender, after a check that all compute the same. @throws where they do not */
  measure(spec: Case): Promise<Result>;
  verdictsOf(results: readonly Result[]): Verdict[];
}
