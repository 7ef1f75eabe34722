/** Whether `npm run test:soak` runs the suites: as much of something as was promised, not as CI has time for. */
export const soaking = process.env.ROI_LOSS_SOAK === '1';

/** How many of something. */
export const unlessSoaking = (few: number, many: number) => (soaking ? many : few);
