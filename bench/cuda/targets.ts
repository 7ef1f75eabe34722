import type { Case } from '../cases';
import type { Target } from '../targets';

// The design's targets for CUDA.

export const gpu = 'GPU';

const named =
  (...names: readonly string[]) =>
  ({ name }: Case): boolean =>
    names.includes(name);

const sparse = named('R = 512, F = 128, sparse');
const rewrite = named('R = 512, F = 128, rewrite');

export const targetsOfCuda: readonly Target[] = [
  { isFor: named('R = F = 4096, rewrite'), of: ['copy', gpu], atLeast: 0.9 },
  { isFor: named('R = F = 4096, rewrite'), of: [gpu, 'memset'], atMost: 1.07 },
  { isFor: named('R = F = 4096, sparse'), of: [gpu], atMost: 20 },
  { isFor: named('R = F = 4096, compact'), of: [gpu], atMost: 16 },
  { isFor: named('R = F = 512, sparse', 'R = F = 512, compact'), of: [gpu], atMost: 7 },
  { isFor: sparse, of: ['torch eager', gpu], atLeast: 15 },
  { isFor: sparse, of: ['torch CUDA graph', gpu], atLeast: 5 },
  { isFor: sparse, of: ['torch.compile', gpu], atLeast: 5 },
  { isFor: rewrite, of: ['torch eager', gpu], atLeast: 5 },
  { isFor: rewrite, of: ['torch CUDA graph', gpu], atLeast: 2 },
  { isFor: rewrite, of: ['torch.compile', gpu], atLeast: 2 },
  { isFor: ({ group }) => group === 'CUDA', of: ['host, a call'], atMost: 10 },
];
