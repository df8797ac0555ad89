/**
 * Control messages between the actors of one node: plain objects over a MessagePort, declared once.
 * Each says who sends it to whom and what happens when it is lost (it is lost only when an actor
 * dies).
 */

export type PeerState = 'up' | 'down';

/** What a shard holds of a snapshot. */
export interface ShardSnapshot {
  readonly snapshotNumber: number;
  /** Of the last record in it. */
  readonly sequence: number;
  readonly fileCount: number;
  readonly byteCount: number;
}

/** Why a shard makes no snapshot. */
export type SnapshotRefusal = 'SHARD_DOWN' | 'BUSY' | 'TOO_MANY' | 'DISK_FULL' | 'FAILED';

/** What a node owes to another: copies of objects, keys and ranges, and since when. */
export interface OwedToNode {
  readonly nodeId: string;
  readonly copies: number;
  readonly marks: number;
  readonly dirty: number;
  readonly bytes: number;
  readonly oldestSeconds: number;
}

export type ActorMessage =
  /** gossiper -> coordinator, anti-entropy, main: a peer changed. Lost: repeated at the next change; links notice by themselves. */
  | { readonly kind: 'peer-state'; readonly nodeId: string; readonly state: PeerState }
  /** gossiper -> coordinator: pass a probe through a replica shard. Lost: the data path counts as silent. */
  | { readonly kind: 'probe'; readonly probe: number }
  /** coordinator -> gossiper: the probe came back. */
  | { readonly kind: 'probe-answer'; readonly probe: number }
  /** replica -> compactor: a chunk is full and waits. Lost: asked for again when the compactor is back. */
  | {
      readonly kind: 'chunk-frozen';
      readonly shard: number;
      readonly chunk: number;
      readonly frozenCount: number;
    }
  /** compactor -> replica: flush it now. Lost: the compactor asks again. */
  | { readonly kind: 'flush-chunk'; readonly chunk: number }
  /** replica -> compactor: done, or failed and waiting again. */
  | {
      readonly kind: 'chunk-flushed';
      readonly shard: number;
      readonly chunk: number;
      readonly ok: boolean;
    }
  /**
   * replica -> compactor: tables should be merged. `score` in thousandths says how urgently (0: no
   * more), `runs` how many each read of level 0 looks at, `latencyMs` how long foreground work takes.
   * Lost: said again after `frozen-wanted`, and by a shard that opens.
   */
  | {
      readonly kind: 'merge-wanted';
      readonly shard: number;
      readonly score: number;
      readonly runs: number;
      readonly latencyMs: number;
    }
  /** compactor -> replica: run one beat of a merge now. Lost: the compactor asks again. */
  | { readonly kind: 'merge-beat' }
  /** replica -> compactor: the beat is over; `more`: the same merge, or another, waits for its next. */
  | {
      readonly kind: 'merge-ended';
      readonly shard: number;
      /** Read and written. */
      readonly bytes: number;
      readonly elapsedMs: number;
      readonly more: boolean;
      readonly ok: boolean;
    }
  /**
   * main -> replica: keep a copy of the store as it is now, under a number that was never given. Lost, as
   * all of snapshots: main sees that the shard is gone, and asks its successor to take away what there is.
   */
  | {
      readonly kind: 'snapshot-wanted';
      readonly request: number;
      readonly snapshotNumber: number;
    }
  /** replica -> main: what it holds, or why there is none. */
  | {
      readonly kind: 'snapshot-done';
      readonly request: number;
      readonly end:
        | { readonly ok: true; readonly snapshot: ShardSnapshot }
        | { readonly ok: false; readonly code: SnapshotRefusal; readonly reason: string };
    }
  /** main -> replica and back: which snapshots are there, and the bytes that only they keep. */
  | { readonly kind: 'snapshots-wanted'; readonly request: number }
  | {
      readonly kind: 'snapshots';
      readonly request: number;
      /** The highest number that was given. */
      readonly lastNumber: number;
      readonly held: readonly ShardSnapshot[];
      readonly pinnedBytes: number;
    }
  /** main -> replica: take one away. The answer follows when that is durable, or has failed once. */
  | {
      readonly kind: 'snapshot-drop';
      readonly request: number;
      readonly snapshotNumber: number;
    }
  | {
      readonly kind: 'snapshot-dropped';
      readonly request: number;
      readonly ok: boolean;
      readonly reason: string;
    }
  /** compactor -> replica, at its start: tell me what waits. */
  | { readonly kind: 'frozen-wanted' }
  /**
   * replica -> main, compactor: the store is open (or cannot serve, with the reason).
   * main -> compactor: the shard was given up.
   */
  | {
      readonly kind: 'shard-state';
      readonly shard: number;
      readonly state: 'ready' | 'fenced';
      readonly reason: string;
    }
  /**
   * replica -> main: so many times by now somebody knew counters of a name of this shard that it had not given,
   * and it took another name: a client's context is forged, or two shards go by one name.
   */
  | { readonly kind: 'name-ahead'; readonly shard: number; readonly count: number }
  /**
   * ring-manager -> replica: the ring that rules from now on; one of an earlier epoch is not heeded. Lost:
   * the replica begins with the ring of its process. `owned` by partition: 1 where the node is an owner.
   */
  | {
      readonly kind: 'ring-decided';
      readonly epoch: number;
      readonly owned: Uint8Array;
      readonly bucketIds: readonly number[];
    }
  /**
   * ring-manager -> coordinator -> replica: drop all objects of a partition that this node does not own in
   * the ring of the epoch. The coordinator passes it on when all of it has gone to the owners. Said again until it is
   * answered as done, as when it was lost.
   */
  | {
      readonly kind: 'partition-given-up';
      readonly request: number;
      readonly partition: number;
      readonly epoch: number;
    }
  /**
   * ring-manager -> coordinator: nodes that own a partition in the ring of the epoch are owed all that this
   * node holds of it. Said again until it is answered as done, as when it was lost.
   */
  | {
      readonly kind: 'range-owed';
      readonly request: number;
      readonly partition: number;
      readonly replicationClass: number;
      readonly epoch: number;
      readonly nodeIds: readonly string[];
    }
  /** ring-manager -> replica: a partition that came back holds all that it should. Lost: said again. */
  | {
      readonly kind: 'partition-filled';
      readonly request: number;
      readonly partition: number;
      readonly epoch: number;
    }
  /** replica -> who told it, coordinator -> ring-manager: it is so, durably; or why not. */
  | {
      readonly kind: 'partition-answer';
      readonly request: number;
      readonly partition: number;
      readonly ok: boolean;
      readonly reason: string;
    }
  /** coordinator -> main and back: the node's status as JSON, asked for by a client. Lost: the client times out. */
  | { readonly kind: 'status-wanted'; readonly request: number }
  | { readonly kind: 'status'; readonly request: number; readonly json: string }
  /** coordinator -> main and back: a command of an operator, by a client. Lost: the client times out. */
  | {
      readonly kind: 'admin-wanted';
      readonly request: number;
      readonly command: string;
      readonly argument: string;
    }
  | { readonly kind: 'admin'; readonly request: number; readonly json: string }
  /** coordinator -> ring-manager and back: the ring as it is encoded on disk. Lost: the client times out. */
  | { readonly kind: 'ring-wanted'; readonly request: number }
  | { readonly kind: 'ring'; readonly request: number; readonly bytes: Uint8Array }
  /** main -> any actor and back: figures for status. */
  | { readonly kind: 'figures-wanted'; readonly request: number }
  | {
      readonly kind: 'figures';
      readonly request: number;
      readonly figures: Readonly<Record<string, number | string>>;
    }
  /**
   * coordinator -> main, before its figures: what its node owes to others. Lost: asked for again with
   * the next figures. `isCounted`: what was owed before the node started is in it.
   */
  | {
      readonly kind: 'hints';
      readonly targets: readonly OwedToNode[];
      readonly isCounted: boolean;
    }
  /** anti-entropy -> replica and back: roots of partitions, low and high word each, as of a sequence. */
  | {
      readonly kind: 'roots-wanted';
      readonly request: number;
      readonly partitions: readonly number[];
    }
  | {
      readonly kind: 'roots';
      readonly request: number;
      readonly sequence: number;
      readonly partitions: readonly number[];
      readonly words: readonly number[];
    }
  /** anti-entropy -> main: what the last comparison found. */
  | {
      readonly kind: 'differences';
      readonly nodeId: string;
      readonly partitionsCompared: number;
      readonly partitionsDiffering: number;
    };
