/**
 * Replays one recording: builds the actor's core as its worker file did, from what the recording says,
 * and runs it over the recorded steps.
 *
 * Invariants:
 *   RY1 a replica's store is opened by the real recovery, on a copy that is removed afterwards
 *   RY2 nothing outside the copy is written
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { Prng } from '@clockwise/kernel/prng';
import { ReplicaCore } from '@clockwise/replica/replica-core';
import { allocateChunks } from '@clockwise/runtime/channel/shared-shard-memory';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { type Recording, readRecording } from '@clockwise/runtime/recording/recording-reader';
import {
  type ReplayResult,
  ReplayShardMemory,
  replaySteps,
} from '@clockwise/runtime/recording/replay';
import { copyStore } from '@clockwise/runtime/recording/store-copy';
import type { HostedCore } from '@clockwise/runtime/shell/shell-types';
import { type ActorContext, coordinatorCore, openReplica } from './actor-cores.ts';
import { type SmallActor, smallActor } from './control-actors.ts';
import { type RecordedSetup, storeFolderOf } from './record-actor.ts';

export type Replay =
  | {
      readonly kind: 'replayed';
      readonly setup: RecordedSetup;
      readonly recording: Recording;
      readonly result: ReplayResult;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** For tests: a core in place of the one that was built. */
export type ChangedCore = (core: HostedCore) => HostedCore;

export function replayRecording(file: string, changed: ChangedCore = (core) => core): Replay {
  const reading = readRecording(file);
  if (!reading.ok) return { kind: 'refused', reason: reading.reason };
  const { recording } = reading;
  const setup = recording.setup as RecordedSetup;
  const scratch = mkdtempSync(path.join(tmpdir(), 'clockwise-replay-'));
  try {
    const built = build(setup, storeFolderOf(file), scratch);
    if (!built.ok) return { kind: 'refused', reason: built.reason };
    const { core, shards, chunks } = built;
    const { steps } = recording;
    const result = replaySteps({ core: changed(core), steps, shards, chunks });
    return { kind: 'replayed', setup, recording, result };
  } finally {
    // [RY1]
    rmSync(scratch, { recursive: true, force: true });
  }
}

type Built =
  | {
      readonly ok: true;
      readonly core: HostedCore;
      readonly shards: readonly ReplayShardMemory[];
      readonly chunks: readonly Int32Array[];
    }
  | { readonly ok: false; readonly reason: string };

const SMALL_ACTORS: readonly SmallActor[] = [
  'gossiper',
  'ring-manager',
  'compactor',
  'anti-entropy',
];

function build(setup: RecordedSetup, store: string, scratch: string): Built {
  const { actor, limits, data } = setup;
  const context = contextOf(setup);
  if (actor.startsWith('coordinator-')) {
    const shards = Array.from(
      { length: data.shardCount },
      () => new ReplayShardMemory(limits.memtableChunkBytes),
    );
    return { ok: true, core: coordinatorCore(context, shards), shards, chunks: [] };
  }
  if (actor.startsWith('replica-')) return buildReplica(setup, store, scratch);
  const name = SMALL_ACTORS.find((small) => small === actor);
  if (name === undefined) return { ok: false, reason: `it is of an unknown actor, ${actor}` };
  return { ok: true, core: smallActor(name, context).core, shards: [], chunks: [] };
}

function buildReplica(setup: RecordedSetup, store: string, scratch: string): Built {
  const { life, limits } = setup;
  if (life === null) return { ok: false, reason: 'it is of a replica, and has no incarnation' };
  if (!existsSync(store)) {
    return { ok: false, reason: `the store that was put aside beside it is missing: ${store}` };
  }
  const copied = copyStore(store, scratch);
  if (!copied.ok) return copied;
  const chunks = allocateChunks(limits.memtableChunksMax, limits.memtableChunkBytes).map(
    (buffer) => new Int32Array(buffer),
  );
  const context = { ...contextOf(setup), chunks };
  const opened = openReplica(context, life, {
    disk: new NodeDisk(scratch),
    checksum: crc32,
    codecs: NODE_BLOCK_CODECS,
  });
  if (!opened.ok) return { ok: false, reason: `its store does not open: ${opened.reason}` };
  return { ok: true, core: new ReplicaCore(opened.options), shards: [], chunks };
}

function contextOf({ actor, now, wallTimeMs, seed, limits, data }: RecordedSetup): ActorContext {
  const prng = new Prng(seed);
  return { name: actor, data, limits, prng, seed, now, wallTimeMs, chunks: [] };
}
