/**
 * What each shard of each node holds, as its appends tell: per key the versions it appended, by
 * sequence. A shard that opens anew holds what its recovery brought back, and must not have lost what
 * was released as synced (O8, replica by replica).
 *
 * Invariants:
 *   O8 after a power loss a shard still holds every sequence that its log had synced and released
 */
import type { RecordObject } from '@clockwise/record/build';
import { contextOffset, HEADER, PREFIX, recentsOffset } from '@clockwise/record/layout';
import { type KeyName, nameOfKey, type Violation } from '../checkers/history.ts';

interface Version {
  readonly sequence: number;
  /** Context and siblings, without what is remembered: what O4 compares. */
  readonly canonical: Int32Array;
  readonly contextWords: Int32Array;
}

interface MirroredShard {
  readonly versions: Map<string, Version[]>;
  /** The highest sequence that was synced before it was released. */
  syncedSequence: number;
}

export interface HeldVersion {
  readonly canonical: Int32Array;
  readonly contextWords: Int32Array;
}

export class ReplicaMirror {
  readonly violations: Violation[] = [];
  readonly #shards: Map<string, MirroredShard> = new Map();

  /** REQUIRES: `record` is the offset of what `decoded` was decoded from. */
  append(
    shard: string,
    words: Int32Array,
    record: number,
    decoded: RecordObject,
    key: string,
  ): void {
    const prefix = record - 8;
    const sequence =
      (words[prefix + PREFIX.sequenceLow]! >>> 0) +
      words[prefix + PREFIX.sequenceHigh]! * 0x1_0000_0000;
    const context = contextOffset(words, record);
    const contextWords = (words[record + HEADER.keyAndContext]! >>> 16) * 4;
    const name = nameOfKey({ bucketId: decoded.bucketId, key });
    const { versions } = this.#shard(shard);
    const list = versions.get(name) ?? [];
    versions.set(name, list);
    list.push({
      sequence,
      canonical: words.slice(context, recentsOffset(words, record)),
      contextWords: words.slice(context, context + contextWords),
    });
    // What a crash may still take back is young: older versions than these are never looked at.
    if (list.length > VERSIONS_KEPT) list.splice(0, list.length - VERSIONS_KEPT);
  }

  synced(shard: string, sequence: number): void {
    const mirrored = this.#shard(shard);
    mirrored.syncedSequence = Math.max(mirrored.syncedSequence, sequence);
  }

  /** The shard opened with everything up to `lastSequence`. */
  opened(shard: string, lastSequence: number): void {
    const mirrored = this.#shard(shard);
    if (lastSequence < mirrored.syncedSequence) {
      this.violations.push({
        oracle: 'O8',
        text: `${shard} had released ${mirrored.syncedSequence} as synced and opened with ${lastSequence}`,
      });
    }
    for (const list of mirrored.versions.values()) {
      while (list.length > 0 && list.at(-1)!.sequence > lastSequence) list.pop();
    }
  }

  /** The newest version in any shard of a node. */
  held(node: string, shardCount: number, key: KeyName): HeldVersion | undefined {
    const name = nameOfKey(key);
    for (let shard = 0; shard < shardCount; shard += 1) {
      const version = this.#shards.get(`${node}/${shard}`)?.versions.get(name)?.at(-1);
      if (version !== undefined) return version;
    }
    return undefined;
  }

  #shard(name: string): MirroredShard {
    let shard = this.#shards.get(name);
    if (shard === undefined) {
      shard = { versions: new Map(), syncedSequence: 0 };
      this.#shards.set(name, shard);
    }
    return shard;
  }
}

const VERSIONS_KEPT = 500;
