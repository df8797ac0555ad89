/** The thread of a replica: recovers its store, then serves its shard. */
import { mkdirSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { ReplicaCore } from '@clockwise/replica/replica-core';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { openReplica } from '../actor-cores.ts';
import type { NodeData } from '../node-data.ts';
import { randomWords } from '../random-words.ts';
import { recorderOf } from '../record-actor.ts';

await runActors<NodeData>((context) => {
  const { name, data, chunks } = context;
  const { folder, mustExist } = data;
  if (!mustExist) mkdirSync(folder, { recursive: true });
  const life = { incarnation: randomWords(), secret: randomWords() };
  const recorded = recorderOf(name, context, life);
  const opened = openReplica(context, life, {
    disk: new NodeDisk(folder),
    checksum: crc32,
    codecs: NODE_BLOCK_CODECS,
  });
  // Ends the thread; the supervisor tries again, and gives the shard up with this reason.
  if (!opened.ok) throw new Error(opened.reason);
  const core = new ReplicaCore(opened.options);
  const { logStart } = opened;
  return [recorded({ name, core, directory: folder, logStart }, { chunks })];
});
