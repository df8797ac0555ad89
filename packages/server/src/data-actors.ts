/**
 * The actors of the data path as a worker hosts them, with a recording around each if the node records.
 */
import { mkdirSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { ReplicaCore } from '@clockwise/replica/replica-core';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import type { Hosting } from '@clockwise/runtime/shell/shell-types';
import type { ThreadContext } from '@clockwise/runtime/worker/actor-thread';
import { coordinatorCore, openReplica } from './actor-cores.ts';
import { namedRecords } from './named-records.ts';
import type { NodeData } from './node-data.ts';
import { randomWords } from './random-words.ts';
import { recorderOf } from './record-actor.ts';

export function hostCoordinator(name: string, context: ThreadContext<NodeData>): Hosting {
  const { data, shardMemories } = context;
  const shards = shardMemories(data.shardCount);
  const recorded = recorderOf(name, context);
  const core = coordinatorCore(context, shards);
  return recorded({ name, core }, { recordsNamed: namedRecords(shards) });
}

/** Recovers the shard's store. Throws if it cannot be opened. */
export function hostReplica(name: string, context: ThreadContext<NodeData>): Hosting {
  const { data, chunks } = context;
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
  return recorded({ name, core, directory: folder, logStart }, { chunks });
}
