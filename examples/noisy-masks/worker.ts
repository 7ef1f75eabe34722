import { perform, startBackend } from './run';
import type { Run, Settings } from './settings';

// A process that performs one run after another, as the parent asks for them.

export interface Order {
  readonly run: Run;
  readonly settings: Settings;
}

export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'step'; readonly loss: number }
  | { readonly kind: 'result'; readonly result: import('./run').Result }
  | { readonly kind: 'error'; readonly message: string };

function send(report: Report): void {
  process.send!(report);
}

process.on('message', async ({ run, settings }: Order) => {
  try {
    send({ kind: 'result', result: await perform(run, settings, (_, loss) => send({ kind: 'step', loss })) });
  } catch (error) {
    send({ kind: 'error', message: (error as Error).message });
  }
});

// A parent that has gone needs no results.
process.on('disconnect', () => process.exit());

startBackend().then(() => send({ kind: 'ready' }));
