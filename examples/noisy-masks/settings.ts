import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MaskKind, MaskMixture } from 'roi-loss';

/** The mask losses that are compared. */
export const lossKinds = {
  bce: 'bce',
  dice: 'dice',
  'smoothed-bce': 'smoothed-bce',
  mixture: { dice: 0.5, 'smoothed-bce': 0.5 },
} as const satisfies { readonly [name: string]: MaskKind | MaskMixture };

export type LossName = keyof typeof lossKinds;

export const lossNames = Object.keys(lossKinds) as LossName[];

/** What all runs of an experiment share. */
export interface Settings {
  readonly steps: number;
  /** Of the loss curves, evenly spaced over the steps. */
  readonly points: number;
  /** RoIs of a step, half of them foreground. */
  readonly batch: number;
  readonly learningRate: number;
  /** Scenes by part, each made of digits that the others do not show. */
  readonly scenes: { readonly train: number; readonly validation: number; readonly test: number };
  readonly roisPerScene: number;
  /** Distance, in pixels of a scene, at which boundaries still match. */
  readonly boundaryTolerance: number;
}

export const thorough: Settings = {
  steps: 500,
  points: 20,
  batch: 64,
  learningRate: 3e-3,
  scenes: { train: 800, validation: 30, test: 100 },
  roisPerScene: 12,
  boundaryTolerance: 1,
};

export const quick: Settings = {
  ...thorough,
  steps: 50,
  points: 10,
  scenes: { train: 120, validation: 10, test: 15 },
};

/** One training. */
export interface Run {
  readonly loss: LossName;
  /** 0 is clean, 1 the worst; see data/corrupt.ts. */
  readonly noise: number;
  /** Of the scenes trained on, the corruption, the initial weights and the order of the data. */
  readonly seed: number;
}

export const nameOf = ({ loss, noise, seed }: Run): string => `${loss}-noise-${noise}-seed-${seed}`;

/** The sources that decide what a run gives. */
const sources = ['settings.ts', 'run.ts', 'data', 'head', 'evaluation', '../digits'];

function filesOf(path: string): string[] {
  if (path.endsWith('.ts')) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => join(path, name));
}

/** Tells results that may be put together from those of other settings or another state of the code. */
export function fingerprint(settings: Settings): string {
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const file of sources.flatMap((source) => filesOf(join(__dirname, source))))
    hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
