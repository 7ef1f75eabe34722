import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findAccesses } from '../../bench/kernels/accesses';
import { countInstructions } from '../../bench/kernels/instructions';
import { allResources } from '../../bench/kernels/resources';
import { builtImages } from '../../common/images';

const test = suite('kernels');

const counts = (entries: Iterable<readonly [number, number]>) => [...entries].sort(([a], [b]) => a - b);

test('accesses are found in PTX', () => {
  const found = findAccesses(
    `
.visible .entry wide(
	.param .align 8 .b8 wide_param_0[64]
)
{
	ld.param.u64 	%rd1, [wide_param_0];
	ld.shared.v4.f32 	{%f1, %f2, %f3, %f4}, [%r1];
	ld.global.nc.f32 	%f5, [%rd1];
	ld.global.cs.u8 	%rs1, [%rd1];
	ld.global.cs.v2.u32 	{%r2, %r3}, [%rd1];
	@%p1 ld.global.L1::no_allocate.v4.f32 	{%f6, %f7, %f8, %f9}, [%rd1];
	ld.relaxed.gpu.global.u64 	%rd2, [%rd1];
	ld.global.cs.v8.b32 	{%r4, %r5, %r6, %r7, %r8, %r9, %r10, %r11}, [%rd1];
	st.global.cs.v4.b64 	[%rd1], {%rd3, %rd4, %rd5, %rd6};
	st.global.cs.v4.u32 	[%rd1+32], {%r4, %r5, %r6, %r7};
	st.shared.f64 	[%r1], %fd1;
	ret;
}
.visible .entry narrow(
)
{
	st.local.v4.f32 	[%rd7], {%f1, %f2, %f3, %f4};
	ld.local.f32 	%f1, [%rd7];
	st.global.u16 	[%rd1], %rs1;
}
`,
    'PTX',
  );
  assert.equal([...found.keys()], ['wide', 'narrow']);
  const [wide, narrow] = [found.get('wide')!, found.get('narrow')!];
  assert.equal(counts(wide.loads), [
    [1, 1],
    [4, 1],
    [8, 2],
    [16, 1],
    [32, 1],
  ]);
  assert.equal(counts(wide.stores), [
    [16, 1],
    [32, 1],
  ]);
  assert.is(wide.local, 0);
  assert.equal(counts(narrow.loads), []);
  assert.equal(counts(narrow.stores), [[2, 1]]);
  assert.is(narrow.local, 2);
});

test('accesses are found in SASS', () => {
  const found = findAccesses(
    `
	code for sm_100
		Function : wide
	.headerflags	@"EF_CUDA_SM100 EF_CUDA_VIRTUAL_SM(EF_CUDA_SM100)"
        /*0000*/                   LDC.64 R2, c[0x0][0x380] ;                       /* 0x0000df00ff027b82 */
                                                                                    /* 0x000fe20000000a00 */
        /*0010*/                   LDS.128 R4, [R3] ;                               /* 0x0000000003047984 */
        /*0020*/               @P0 LDG.E.CONSTANT R12, desc[UR8][R2.64] ;           /* 0x000000080c0c7981 */
        /*0030*/                   LDG.E.EF.U8 R11, desc[UR8][R2.64+0x400] ;        /* 0x00040008020b0981 */
        /*0040*/                   LDG.E.64.STRONG.GPU R14, desc[UR8][R2.64] ;      /* 0x00000008020e7981 */
        /*0050*/              @!P1 LDG.E.EF.128 R16, desc[UR8][R2.64] ;             /* 0x0000000802107981 */
        /*0060*/                   LDG.E.LTC128B.CONSTANT R20, desc[UR8][R2.64] ;   /* 0x0000000802147981 */
        /*0070*/                   LDG.E.ENL2.256 R28, R24, desc[UR8][R2.64] ;      /* 0xfe000008021c797e */
        /*0080*/                   LDGSTS.E.BYPASS.128 [R3], desc[UR8][R2.64] ;     /* 0x0000000002037fae */
        /*0090*/                   STG.E.EF.ENL2.256 desc[UR8][R2.64], RZ, RZ ;     /* 0xf80000ff02ff797f */
        /*00a0*/                   STS.64 [R3], R14 ;                               /* 0x0000000e03007388 */
		..........

	code for sm_75
		Function : narrow
        /*0000*/                   STL.128 [R1+0x10], R4 ;                          /* 0x0000100401007387 */
        /*0010*/                   LDL R4, [R1+0x10] ;                              /* 0x0000100001047983 */
        /*0020*/                   STG.E.EF.U16.SYS [R2], R4 ;                      /* 0x0000000402007386 */
`,
    'SASS',
  );
  assert.equal([...found.keys()], ['wide', 'narrow']);
  const [wide, narrow] = [found.get('wide')!, found.get('narrow')!];
  assert.equal(counts(wide.loads), [
    [1, 1],
    [4, 2],
    [8, 1],
    [16, 1],
    [32, 1],
  ]);
  assert.equal(counts(wide.stores), [[32, 1]]);
  assert.is(wide.local, 0);
  assert.equal(counts(narrow.loads), []);
  assert.equal(counts(narrow.stores), [[2, 1]]);
  assert.is(narrow.local, 2);
});

test('instructions are counted in a cubin', () => {
  const names = '\0.shstrtab\0.text.wide\0.nv.info.wide\0.text.narrow\0';
  const sections = [
    ['.shstrtab', names.length],
    ['.text.wide', 0x180],
    ['.nv.info.wide', 0x40],
    ['.text.narrow', 0x80],
  ] as const;
  const [headers, bytesOfHeader] = [64 + names.length, 64];
  const cubin = Buffer.alloc(headers + sections.length * bytesOfHeader);
  cubin.writeBigUInt64LE(BigInt(headers), 0x28);
  cubin.writeUInt16LE(bytesOfHeader, 0x3a);
  cubin.writeUInt16LE(sections.length, 0x3c);
  cubin.writeUInt16LE(0, 0x3e); // the section of the names
  cubin.write(names, 64, 'latin1');
  for (const [i, [name, bytes]] of sections.entries()) {
    const header = headers + i * bytesOfHeader;
    cubin.writeUInt32LE(names.indexOf(name), header);
    cubin.writeBigUInt64LE(64n, header + 0x18);
    cubin.writeBigUInt64LE(BigInt(bytes), header + 0x20);
  }
  assert.equal(
    [...countInstructions(cubin)],
    [
      ['wide', 24],
      ['narrow', 8],
    ],
  );
});

const ofAll =
  'no kernel spills, has a stack or accesses local memory, and all access memory as widely as they can';

if (builtImages().length > 0) {
  test(ofAll, async () => {
    const { resources } = await allResources();
    const kernels = new Set(resources.map(({ kernel }) => kernel));
    assert.equal([...kernels].sort(), [
      'roi_nothing',
      'roi_step_bfloat16',
      'roi_step_float16',
      'roi_step_float32',
    ]);
    for (const { kernel, cuda, architecture, loads, stores, ...found } of resources) {
      const where = `${kernel} on sm_${architecture} by CUDA ${cuda}`;
      const { stack, spillStores, spillLoads, local } = found;
      assert.equal([stack, spillStores, spillLoads, local], [0, 0, 0, 0], where);
      if (kernel === 'roi_nothing') continue;
      assert.ok(loads.has(16) && stores.has(16), `16 bytes, ${where}`);
      assert.is(loads.has(32) || stores.has(32), architecture >= 100, `32 bytes, ${where}`);
    }
  });
} else {
  console.log('skipped: the resources of the kernels — this build has no nvcc');
  test.skip(ofAll);
}

test.run();
