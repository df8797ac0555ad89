import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateChunks, SharedShardMemory } from './shared-shard-memory.ts';

test('[SM1] the memory stays the same object while its chunks are replaced', () => {
  const memory = new SharedShardMemory();
  assert.is(memory.chunks.length, 0);
  const first = allocateChunks(2, 64);
  memory.use(first);
  const held = memory.chunks[0]!;
  memory.use(allocateChunks(2, 64));
  assert.is(memory.chunks.length, 2);
  memory.chunks[0]![0] = 5;
  assert.is(held[0], 0, 'the chunks of the life before are left as they are');
  assert.is(held.buffer, first[0]);
});

test.run();
