import { dirname, join } from 'node:path';
import { failureOf } from './targets';

/** The controls of the stand-in that this process loads as its driver. */
export interface StandinControl {
  /** What is to fail from now on, as ROI_STANDIN_FAIL says it. */
  fail(what: string): boolean;
  /** How many living objects of a kind there are, or how often a function was called. */
  count(what: string): number;
  /** The address of memory that a VMM allocator might map, in pieces of so many bytes. Of GPU 0, which is open. */
  map(bytes: number, piece: number): bigint;
  /** Begins or ends the capture of a stream of GPU 0, which is open, that the legacy default stream waits for. */
  capture(begins: boolean): boolean;
  /** The names of the driver's functions. */
  functions(): string[];
}

/** Builds the controls and loads them. */
export function standinControl(): StandinControl {
  const folder = (process.env.LD_LIBRARY_PATH ?? '').split(':')[0] as string;
  const reason = failureOf('cmake', ['--build', dirname(folder), '--target', 'standin_control']);
  if (reason) throw new Error(reason);
  return require(join(folder, 'standin_control.node'));
}

/** What a device has of the driver's while it lives. */
export const livingKinds = [
  'contexts',
  'modules',
  'streams',
  'events',
  'graphs',
  'allocations',
  'host allocations',
] as const;
