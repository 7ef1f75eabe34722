import { readFileSync, writeFileSync } from 'node:fs';
import { matchBoxes } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { anchorsOf } from '../../common/anchors';
import { drawBoxes, flat, Xorshift } from '../support/random-boxes';

const test = suite('memory of matching');

/** The most memory that the process has had since `forgetPeak`, in kB (proc_pid_status(5)). */
const peak = () => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
/** proc_pid_clear_refs(5) */
const forgetPeak = () => writeFileSync('/proc/self/clear_refs', '5');

(process.platform === 'linux' ? test : test.skip)(
  '250,000 anchors and 100 objects take less than 16 MB',
  () => {
    const boxes = anchorsOf(800, 1280).slice(0, 4 * 250_000);
    const gtBoxes = flat(drawBoxes(new Xorshift(1), 1, 100));
    const options = { foreground: 0.7, background: 0.3, lowQuality: true };
    // Opens the device and starts its threads.
    matchBoxes({ boxes: boxes.subarray(0, 4 * 10_000), gtBoxes }, options);
    globalThis.gc?.();
    forgetPeak();
    const before = peak();
    const { labels } = matchBoxes({ boxes, gtBoxes }, options);
    const taken = peak() - before;
    assert.is(labels.length, 250_000);
    // A matrix of overlaps would be 100 MB.
    assert.ok(taken < 16_000, `${taken} kB`);
  },
);

test.run();
