import type { Result, Verdict } from './targets';

/** One run, as it is written and read again. */
export interface Run {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly load: string;
  readonly device: string;
  /** By peer: its version, or how to install it. */
  readonly peers: { readonly [peer: string]: string };
  /** The lanes that GB/s and the share of the floor are of. */
  readonly lanes: { readonly ours: string; readonly floor: string };
  readonly quick: boolean;
  /** How often everything was measured. */
  readonly runs: number;
  readonly results: readonly Result[];
  readonly verdicts: readonly Verdict[];
  /** Cases that could not be measured, or computed something wrong. */
  readonly failures: readonly Failure[];
}

export interface Failure {
  readonly name: string;
  readonly message: string;
}

const slug = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

export const titleOf = ({ machine, date }: Run) => `${machine}, ${date}`;

/** Where what concerns a run lies, without its ending. */
export const stemOf = (run: Run) => slug(run.machine);
