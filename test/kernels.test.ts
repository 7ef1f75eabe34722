import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allResources, hasCompiler } from '../bench/kernels/resources';

const test = suite('kernels');

if (hasCompiler()) {
  test('no kernel spills or has a stack, on any architecture', async () => {
    const resources = await allResources();
    const kernels = new Set(resources.map(({ kernel }) => kernel));
    assert.equal([...kernels].sort(), [
      'roi_nothing',
      'roi_step_bfloat16',
      'roi_step_float16',
      'roi_step_float32',
    ]);
    for (const { kernel, architecture, stack, spillStores, spillLoads } of resources)
      assert.equal([stack, spillStores, spillLoads], [0, 0, 0], `${kernel} on sm_${architecture}`);
  });
} else {
  console.log('skipped: the resources of the kernels — this build has no nvcc');
  test.skip('no kernel spills or has a stack, on any architecture');
}

test.run();
