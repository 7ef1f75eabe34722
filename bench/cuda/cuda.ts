import type { Half } from '../half';
import type { Effort } from '../timing';

export async function startCuda(_: Effort): Promise<Half> {
  throw new Error('not yet');
}
