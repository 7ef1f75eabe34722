/** The names of the terms of the loss. */
export type TermName = 'class' | 'box' | 'mask';

export const termNames: readonly TermName[] = ['class', 'box', 'mask'];
