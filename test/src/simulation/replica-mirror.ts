/**
 * What each shard of each node holds, as its appends tell: per key the versions it appended, by
 * sequence. A shard that opens anew holds what its recovery brought back, and must not have lost what
 * was released as synced (O8, replica by replica). What a shard keeps for others (record/hidden.ts) has
 * names of its own here, and is gone where nothing of it is owed any more.
 *
 * Invariants:
 *   O8 after a power loss a shard still holds every sequence that its log had synced and released
 */
import type { Dot } from '@clockwise/record/build';
import { OWED } from '@clockwise/record/hidden';
import { ENTRY_WORDS, recentsOffset } from '@clockwise/record/layout';
import { WordArena } from '@clockwise/simulator/word-arena';
import {
  type EarlierVersion,
  type VersionView,
  viewOfRecord,
} from '../checkers/causal-ledger-version.ts';
import {
  contextDots,
  covers,
  type KeyName,
  nameOfKey,
  type Violation,
} from '../checkers/history.ts';

/** Context and siblings, without what is remembered: what O4 compares. */
interface Version extends VersionView {
  readonly sequence: number;
  /** Behind the last sibling. */
  readonly end: number;
  /** Of what is kept for others; undefined: the object itself. */
  readonly hidden: HiddenRecord | undefined;
}

/** What a shard keeps for others under one name. */
export interface HiddenRecord {
  readonly kind: 'hint' | 'mark' | 'dirty';
  /** Of the object; of a dirty range whatever tells it from others. */
  readonly keyName: string;
  /** The owed word; no positions: it is settled. */
  readonly owed: number;
  readonly byteCount: number;
}

interface KeyVersions {
  /** Oldest first. */
  versions: Version[];
  /** Older versions than the first have been let go of. */
  isTrimmed: boolean;
  /** The disk was damaged since the last of them was appended: nobody knows what the store holds. */
  isUncertain: boolean;
}

/** How much is kept for others. */
export interface Kept {
  hintBytes: number;
  markCount: number;
}

interface MirroredShard {
  readonly keys: Map<string, KeyVersions>;
  readonly kept: Kept;
  /** The highest sequence that was synced before it was released. */
  syncedSequence: number;
  /** Its disk has been damaged: what is lost is no fault of the store. */
  isDamaged: boolean;
}

export interface HeldVersion {
  readonly canonical: Int32Array;
  readonly contextWords: Int32Array;
}

/** A shard as it was once, for a disk that is to be set back to that. */
export interface ShardImage {
  readonly keys: ReadonlyMap<string, Readonly<KeyVersions>>;
  readonly syncedSequence: number;
}

export class ReplicaMirror {
  readonly violations: Violation[] = [];
  readonly #shards: Map<string, MirroredShard> = new Map();
  readonly #arena: WordArena = new WordArena();

  /** The version of the key that the shard appended last, of those that it still has. */
  before(shard: string, keyName: string): EarlierVersion {
    const key = this.#shard(shard).keys.get(keyName);
    if (key === undefined) return 'none';
    if (key.isUncertain) return 'forgotten';
    const last = key.versions.at(-1);
    if (last === undefined) return key.isTrimmed ? 'forgotten' : 'none';
    return last.hidden !== undefined && isGone(last.hidden) ? 'none' : last;
  }

  append(
    shard: string,
    sequence: number,
    keyName: string,
    words: Int32Array,
    record: number,
    hidden?: HiddenRecord,
  ): void {
    const view = viewOfRecord(words, record);
    const { keys, kept } = this.#shard(shard);
    let key = keys.get(keyName);
    if (key === undefined) {
      key = { versions: [], isTrimmed: false, isUncertain: false };
      keys.set(keyName, key);
    }
    if (hidden !== undefined) {
      count(kept, key.versions.at(-1)?.hidden, -1);
      count(kept, hidden, 1);
    }
    key.isUncertain = false;
    const recents = recentsOffset(words, record);
    const context = this.#arena.place(words, view.context, recents);
    key.versions.push({
      sequence,
      hidden,
      words: this.#arena.placed,
      context,
      contextCount: view.contextCount,
      siblings: context + view.contextCount * ENTRY_WORDS,
      siblingCount: view.siblingCount,
      end: context + recents - view.context,
    });
    // What a crash may still take back is young: older versions than these are hardly looked at.
    if (key.versions.length < VERSIONS_KEPT * 2) return;
    key.versions = key.versions.slice(-VERSIONS_KEPT);
    key.isTrimmed = true;
  }

  /** How much a node keeps for others now; what may be gone with a damaged disk counts. */
  keptBy(node: string, shardCount: number): Readonly<Kept> {
    const sum = emptyKept();
    for (let shard = 0; shard < shardCount; shard += 1) {
      const { hintBytes, markCount } = this.#shard(`${node}/${shard}`).kept;
      sum.hintBytes += hintBytes;
      sum.markCount += markCount;
    }
    return sum;
  }

  /** What a node keeps for others now, but for what nobody knows since its disk was damaged. */
  hiddenOf(node: string, shardCount: number): HiddenRecord[] {
    const found: HiddenRecord[] = [];
    for (let shard = 0; shard < shardCount; shard += 1) {
      for (const { versions, isUncertain } of this.#shard(`${node}/${shard}`).keys.values()) {
        const hidden = isUncertain ? undefined : versions.at(-1)?.hidden;
        if (hidden !== undefined && !isGone(hidden)) found.push(hidden);
      }
    }
    return found;
  }

  synced(shard: string, sequence: number): void {
    const mirrored = this.#shard(shard);
    mirrored.syncedSequence = Math.max(mirrored.syncedSequence, sequence);
  }

  /** The shard opened with everything up to `lastSequence`. */
  opened(shard: string, lastSequence: number): void {
    const mirrored = this.#shard(shard);
    if (mirrored.isDamaged) this.#openedDamaged(mirrored, lastSequence);
    else if (lastSequence < mirrored.syncedSequence) {
      this.violations.push({
        oracle: 'O8',
        text: `${shard} had released ${mirrored.syncedSequence} as synced and opened with ${lastSequence}`,
      });
    }
    for (const { versions } of mirrored.keys.values()) {
      while (versions.length > 0 && versions.at(-1)!.sequence > lastSequence) versions.pop();
    }
    recount(mirrored);
  }

  /** The shard's disk lost or changed what it had promised to keep: openings may lack any of it. */
  damaged(shard: string): void {
    this.#shard(shard).isDamaged = true;
  }

  /** The shard dropped all that it held of these keys, durably. */
  dropped(shard: string, keyNames: readonly string[]): void {
    for (const keyName of keyNames) this.#shard(shard).keys.delete(keyName);
  }

  /** Whether a shard whose disk never lied has synced a version of the key that covers the dot. */
  isSyncedOnSoundDisk(keyName: string, dot: Dot): boolean {
    return [...this.#shards.values()].some(({ keys, syncedSequence, isDamaged }) => {
      if (isDamaged) return false;
      const versions = keys.get(keyName)?.versions ?? [];
      const last = versions.findLast(({ sequence }) => sequence <= syncedSequence);
      if (last === undefined) return false;
      return covers(contextDots(last.words, last.context, last.contextCount), dot);
    });
  }

  /** What the shard's disk may be set back to later. */
  image(shard: string): ShardImage {
    const { keys, syncedSequence } = this.#shard(shard);
    return { keys: copyKeys(keys), syncedSequence };
  }

  /** The shard's disk was set back to an image, or wiped: what it opens with then is no loss. */
  restored(shard: string, image: ShardImage | undefined): void {
    const restored: MirroredShard = {
      keys: copyKeys(image?.keys ?? new Map()),
      kept: emptyKept(),
      syncedSequence: image?.syncedSequence ?? 0,
      isDamaged: this.#shard(shard).isDamaged,
    };
    recount(restored);
    this.#shards.set(shard, restored);
  }

  /** The newest version in any shard of a node. */
  held(node: string, shardCount: number, key: KeyName): HeldVersion | undefined {
    const name = nameOfKey(key);
    for (let shard = 0; shard < shardCount; shard += 1) {
      const version = this.#shards.get(`${node}/${shard}`)?.keys.get(name)?.versions.at(-1);
      if (version === undefined) continue;
      const { words, context, siblings, end } = version;
      return {
        canonical: words.subarray(context, end),
        contextWords: words.subarray(context, siblings),
      };
    }
    return undefined;
  }

  /** A disk that lied once may lie again: what was armed strikes later. */
  #openedDamaged(mirrored: MirroredShard, lastSequence: number): void {
    mirrored.syncedSequence = Math.min(mirrored.syncedSequence, lastSequence);
    for (const key of mirrored.keys.values()) key.isUncertain = true;
  }

  #shard(name: string): MirroredShard {
    let shard = this.#shards.get(name);
    if (shard === undefined) {
      shard = emptyShard();
      this.#shards.set(name, shard);
    }
    return shard;
  }
}

function emptyShard(): MirroredShard {
  return { keys: new Map(), syncedSequence: 0, isDamaged: false, kept: emptyKept() };
}

function recount({ keys, kept }: MirroredShard): void {
  Object.assign(kept, emptyKept());
  for (const { versions } of keys.values()) count(kept, versions.at(-1)?.hidden, 1);
}

function emptyKept(): Kept {
  return { hintBytes: 0, markCount: 0 };
}

/** Adds a record, or takes it away again (-1). */
function count(kept: Kept, hidden: HiddenRecord | undefined, times: 1 | -1): void {
  if (hidden === undefined || isGone(hidden)) return;
  if (hidden.kind === 'hint') kept.hintBytes += times * hidden.byteCount;
  else if (hidden.kind === 'mark') kept.markCount += times;
}

/** Under which a shard's mirror knows what it keeps for others: never a name of an object. */
export function nameOfHidden(kind: HiddenRecord['kind'], keyName: string): string {
  return `${kind} ${keyName}`;
}

function isGone({ owed }: HiddenRecord): boolean {
  return (owed & OWED.positionMask) === 0;
}

function copyKeys(keys: ReadonlyMap<string, Readonly<KeyVersions>>): Map<string, KeyVersions> {
  return new Map([...keys].map(([name, key]) => [name, { ...key, versions: [...key.versions] }]));
}

const VERSIONS_KEPT = 500;
