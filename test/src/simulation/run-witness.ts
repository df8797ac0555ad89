/**
 * Everything that judges a run while it goes on: what replicas append, what clients ask and are told,
 * what is queued and held, and which ring is spoken of. It changes nothing of what it watches.
 */
import type { Limits } from '@clockwise/kernel/limits';
import { FRAME, TAG } from '@clockwise/protocol/frame';
import { readControlFrame } from '@clockwise/protocol/message-codec';
import { frameTag } from '@clockwise/protocol/validate-frame';
import type { RingView } from '@clockwise/coordinator/ring-view';
import type { Ring } from '@clockwise/placement/ring';
import { ENTRY_WORDS } from '@clockwise/record/layout';
import { Bounded } from '../checkers/bounded.ts';
import { KeptBounds } from '../checkers/bounded-kept.ts';
import { RecordBounds } from '../checkers/bounded-records.ts';
import { CausalLedger } from '../checkers/causal-ledger.ts';
import { type HybridTime, operationName } from '../checkers/causal-ledger-dots.ts';
import { CausalReplies } from '../checkers/causal-ledger-replies.ts';
import type { VersionView } from '../checkers/causal-ledger-version.ts';
import { DotLedger } from '../checkers/dot-ledger.ts';
import { type KeyName, nameOfKey, type Violation } from '../checkers/history.ts';
import { OneRing } from '../checkers/one-ring.ts';
import { replicasOfLevel } from '../checkers/quorum-reads.ts';
import { AppendWatch } from './append-watch.ts';
import { SESSION_HIGH } from './client-identity.ts';
import { ReplicaMirror } from './replica-mirror.ts';
import type { NodeWatch } from './node-watch.ts';
import { RetryWatch } from './retry-watch.ts';

/** The body of an answer: context entries, then siblings, and how many there are of each. */
export interface AnswerBody {
  readonly words: Int32Array;
  readonly contextWords: number;
  readonly siblingCount: number;
}

/** What an answer to a write says of how it came about. */
export interface AnswerManner {
  /** That was asked for. */
  readonly level: number;
  /** Positions of the replica list that confirmed, and those of them by their primary. */
  readonly positionCount: number;
  readonly primaryCount: number;
  /** Nothing was made of this request: an earlier one had been. */
  readonly isDuplicate: boolean;
}

/** A put or delete that a client begins; `context` undefined: it overwrites. */
export interface BegunWrite {
  readonly client: number;
  readonly operation: number;
  readonly key: KeyName;
  readonly context: Int32Array | undefined;
  readonly seen: HybridTime;
}

export interface WitnessedRun {
  /** Of each node. */
  readonly shardCount: number;
  /** How often a disk of the run has been damaged or replaced. */
  readonly damageCount: () => number;
  /** All clocks stay so near that each follows every other. */
  readonly followsSeen: boolean;
}

export class RunWitness {
  readonly ledger: DotLedger = new DotLedger();
  readonly mirror: ReplicaMirror = new ReplicaMirror();
  readonly causal: CausalLedger;
  readonly replies: CausalReplies;
  readonly bounded: Bounded = new Bounded();
  readonly oneRing: OneRing = new OneRing();
  readonly #retries: RetryWatch = new RetryWatch();
  readonly #appends: AppendWatch;
  readonly #copies: number;
  readonly #dataCentreCount: number;
  readonly #limits: Limits;
  readonly #lwwBucketIds: ReadonlySet<number>;

  constructor(ring: Ring, limits: Limits, { damageCount, followsSeen, shardCount }: WitnessedRun) {
    this.causal = new CausalLedger({ followsSeen });
    this.replies = new CausalReplies(this.causal);
    const lww = ring.buckets.filter((bucket) => bucket.conflictPolicy === 'lww');
    const copies = Math.max(...ring.assignments.map((table) => table.stride));
    const { ledger, mirror, causal, bounded } = this;
    this.#copies = copies;
    this.#dataCentreCount = new Set(ring.nodes.map((node) => node.dataCentre)).size;
    this.#limits = limits;
    this.#lwwBucketIds = new Set(lww.map((bucket) => bucket.id));
    this.#appends = new AppendWatch({
      ledger,
      causal,
      bounds: new RecordBounds(bounded, limits, () => copies + ring.nodes.length + damageCount()),
      mirror,
      keptBounds: new KeptBounds(bounded, limits),
      shardCount,
      lwwBucketIds: this.#lwwBucketIds,
      wasRetried: (...asked) => this.#retries.wasRetried(...asked),
    });
  }

  get recordCount(): number {
    return this.#appends.recordCount;
  }

  /** Of these: what is kept for others. */
  get hiddenCount(): number {
    return this.#appends.hiddenCount;
  }

  get violations(): readonly Violation[] {
    const { ledger, mirror, causal, replies, bounded, oneRing } = this;
    return [ledger, mirror, causal, replies, bounded, oneRing].flatMap((judge) => judge.violations);
  }

  nodeWatch(nodeId: string): NodeWatch {
    const { mirror, bounded } = this;
    const names: string[] = [];
    const nameOf = (shard: number): string => (names[shard] ??= `${nodeId}/${shard}`);
    return {
      synced: (shard, sequence) => mirror.synced(nameOf(shard), sequence),
      opened: (shard, lastSequence) => mirror.opened(nameOf(shard), lastSequence),
      took: (shard, opening, frames) => this.#retries.took(nameOf(shard), opening, frames),
      append: (words, from, to, shard, opening) =>
        this.#appends.appended(words, from, to, nameOf(shard), opening),
      started: (who, ring) => this.#started(who, ring),
      sent: (who, frame) => this.#sent(who, frame),
      load: (name, value, limit, where) => bounded.observe(name, value, limit, where),
    };
  }

  asked({ client, operation, key, context, seen }: BegunWrite): void {
    this.causal.asked({
      sessionLow: client + 1,
      sessionHigh: SESSION_HIGH,
      sequence: operation,
      keyName: nameOfKey(key),
      context,
      seen,
    });
  }

  /** A client was answered what it may see. */
  answeredGet(who: string, key: KeyName, body: AnswerBody): void {
    const isLww = this.#lwwBucketIds.has(key.bucketId);
    this.replies.answeredGet({ who, keyName: nameOfKey(key), isLww, shown: viewOf(body) });
  }

  /** A client was answered the new context of its put or delete. */
  answeredWrite(
    client: number,
    operation: number,
    key: KeyName,
    body: AnswerBody,
    { level, positionCount, primaryCount, isDuplicate }: AnswerManner,
  ): void {
    const asked = replicasOfLevel(level, this.#copies, this.#dataCentreCount);
    this.replies.answeredWrite({
      who: `${client}/${operation}`,
      replicaCount: Math.max(asked, positionCount),
      primaryCount,
      isNeedless: isDuplicate && this.#lwwBucketIds.has(key.bucketId),
      keyName: nameOfKey(key),
      operation: operationName(client + 1, SESSION_HIGH, operation),
      shown: viewOf(body),
    });
  }

  /** [O12] The ring that a node starts with. */
  #started(who: string, ring: RingView): void {
    const { clusterId, epoch, ringHash } = ring;
    this.oneRing.observe({ clusterId, epoch, ringHash, who, map: ownershipOf(ring) });
  }

  /** [O12] A frame that a node sends: greetings and welcomes say which ring it speaks of. */
  #sent(who: string, frame: Int32Array): void {
    if (frameTag(frame, 0) !== TAG.control) return;
    const read = readControlFrame(frame, 0, frame[FRAME.wordCount]!, this.#limits);
    if (!read.ok || (read.message.kind !== 'hello' && read.message.kind !== 'welcome')) return;
    const { clusterId, epoch, ringHash } = read.message;
    this.oneRing.observe({ clusterId, epoch, ringHash, who });
  }
}

function viewOf({ words, contextWords, siblingCount }: AnswerBody): VersionView {
  const contextCount = contextWords / ENTRY_WORDS;
  return { words, context: 0, contextCount, siblings: contextWords, siblingCount };
}

/** Who owns what: the node ids, and for each table and partition its replicas in order. */
function ownershipOf(ring: RingView): string {
  const nodes = ring.nodes.map((node) => node.nodeId).join(' ');
  const tables = ring.tables.map(({ stride, table }) => `${stride}: ${table.join(' ')}`).join('; ');
  return `${nodes}; ${ring.partitionBits}; ${tables}`;
}
