import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { sharedMemory } from './shared-memory.ts';

const TEXT = 'const a = new SharedArrayBuffer(8);\nAtomics.load(a, 0);\n';

test('a core neither makes shared memory nor touches it atomically', () => {
  assertFinds(sharedMemory, { 'packages/actors/replica/src/a.ts': TEXT }, [
    /a.ts:1 SharedArrayBuffer/,
    /a.ts:2 Atomics/,
  ]);
});

test('storage makes it, and leaves Atomics to the world', () => {
  assertFinds(sharedMemory, { 'packages/storage/src/a.ts': TEXT }, [/a.ts:2 Atomics/]);
});

test('the ring, the runtime and the server do both, and a type names it anywhere', () => {
  assertFinds(
    sharedMemory,
    {
      'packages/sharedarraybuffer-ring/src/a.ts': TEXT,
      'packages/runtime/src/a.ts': TEXT,
      'packages/server/src/a.ts': TEXT,
      'packages/kernel/src/a.ts': 'let a: SharedArrayBuffer;',
    },
    [],
  );
});

test.run();
