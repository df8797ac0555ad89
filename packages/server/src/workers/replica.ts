/** The thread of a replica: recovers its store, then serves its shard. */
import { mkdirSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { ReplicaCore } from '@clockwise/replica/replica-core';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import type { NodeData } from '../node-data.ts';
import { openShard } from '../open-shard.ts';
import { randomWords } from '../random-words.ts';

await runActors<NodeData>(({ name, data, limits, chunks }) => {
  const { folder, ring, shardCount, storeId, mustExist } = data;
  if (!mustExist) mkdirSync(folder, { recursive: true });
  const opened = openShard({
    shard: Number(name.slice('replica-'.length)),
    shardCount,
    coordinatorCount: 1,
    partitionBits: ring.partitionBits,
    limits,
    disk: new NodeDisk(folder),
    checksum: crc32,
    storeId,
    mustExist,
    incarnation: randomWords(),
    secret: randomWords(),
    chunks: chunks.map((words) => words.buffer as SharedArrayBuffer),
  });
  // Ends the thread; the supervisor tries again, and gives the shard up with this reason.
  if (!opened.ok) throw new Error(opened.reason);
  const core = new ReplicaCore(opened.options);
  return [{ name, core, directory: folder, logStart: opened.logStart }];
});
