/**
 * A coordinator whose shard holds hidden records and whose peers store what they are sent, refuse it, or
 * say nothing, for the tests of hand-off. Nothing in a running node imports it.
 */
import { ERRORS, STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import {
  REPLICA_NOTE,
  REPLICA_NOTE_HEADER_WORDS,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_SETTLE,
  REPLICA_SETTLE_HEADER_WORDS,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  SCAN,
} from '@clockwise/protocol/frame';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { partitionOf, partitionStart } from '@clockwise/placement/token';
import { encodeRecord } from '@clockwise/record/build';
import { compareRecordPositions } from '@clockwise/record/compare';
import {
  HIDDEN_BUCKET,
  hiddenVersion,
  hiddenWordCount,
  isSettled,
  joinOwed,
  OWED,
  owedOf,
  writeHidden,
} from '@clockwise/record/hidden';
import { HEADER, paddedWords, recordWordCount } from '@clockwise/record/layout';
import {
  BUCKET,
  CoordinatorWorld,
  field,
  opcodeOf,
  type ReplyFields,
  type Sent,
  type WorldOptions,
} from '../coordinator-world.ts';
import type { BucketView } from '../ring-view.ts';
import {
  cursorOf,
  EPOCH,
  keyBytesIn,
  keyIn,
  keyText,
  nameIn,
  nameOf,
  owed,
} from './sample-hidden.ts';
import { bytes, record, tokenOf } from '../requests/sample-requests.ts';

const PARTITION_BITS = 3;

export type Manner = 'stores' | 'refuses' | 'silent';
export type HintsMessage = Extract<ActorMessage, { kind: 'hints' }>;

/** What a peer has stored, by key, in the order in which it came. */
export interface Arrived {
  readonly node: number;
  readonly key: string;
  readonly words: Int32Array;
  /** POLICY bits of the store. */
  readonly policy: number;
  readonly at: number;
}

export class HandOffWorld {
  readonly world: CoordinatorWorld;
  /** Hidden records by bucket and key. */
  readonly hidden: Map<string, Int32Array>;
  /** The shard's own objects, by key. */
  readonly objects: Map<string, Int32Array> = new Map();
  /** By node: objects that a peer shows when it is asked for a page. */
  readonly objectsOf: Map<number, Map<string, Int32Array>> = new Map();
  /** Nodes whose pages of objects cannot be read. */
  readonly unreadable: Set<number> = new Set();
  /** What peers answer to scans in place of what they hold. */
  pageInstead: ReplyFields | undefined;
  /** Pages that were asked for: of which node and bucket, and whether behind a position. */
  readonly pages: {
    readonly node: number;
    readonly bucketId: number;
    readonly isFirst: boolean;
  }[] = [];
  readonly arrived: Arrived[] = [];
  /** What was sent to each node, whether it was answered or not: when. */
  readonly sentAt: Map<number, number[]> = new Map();
  readonly manners: Map<number, Manner> = new Map();
  /** Keys that no peer can store: what it has of them cannot be read. */
  readonly untakable: Set<string> = new Set();
  /** Operations of the own shard, in order, as `settle k`. */
  readonly log: string[] = [];
  /** Partitions whose pages cannot be read. */
  readonly damaged: Set<number> = new Set();
  /** Milliseconds after which peers answer. */
  latencyMs = 0;
  notes = 0;
  readonly #later: { readonly at: number; readonly run: () => void }[] = [];

  /** `policies`: of buckets beside the world's own. */
  constructor(
    options: WorldOptions,
    hidden?: ReadonlyMap<string, Int32Array>,
    policies: ReadonlyMap<number, number> = new Map(),
  ) {
    this.hidden = new Map(hidden);
    const limits = { handOffTargetsMax: 4, ...options.limits };
    this.world = CoordinatorWorld.linked({ ...options, limits });
    const buckets = this.world.ring.buckets as Map<number, BucketView>;
    for (const [id, policy] of policies) buckets.set(id, { ...BUCKET, id, policy });
  }

  get wallSeconds(): number {
    return Math.floor(this.world.wallTimeMs / 1000);
  }

  /** Holds a copy of the key as a stand-in for positions. */
  holdCopy(key: string, positions: number, ageSeconds: number = 0, epoch: number = EPOCH): void {
    const counter = this.world.wallTimeMs - ageSeconds * 1000 + this.hidden.size;
    const visible = record({ key, dots: [[9, counter]] });
    const out = new Int32Array(hiddenWordCount(visible, 0));
    writeHidden(visible, 0, owed(positions, epoch), out, 0);
    this.hidden.set(nameOf(out), out);
  }

  holdMark(key: string, positions: number, epoch: number = EPOCH, bucketId: number = 1): void {
    const token = tokenOf(bytes(key));
    const hiddenKey = Uint8Array.of(bucketId, 0, 0, 0, ...bytes(key));
    const words = this.#noted(HIDDEN_BUCKET.mark, token, hiddenKey);
    words[HEADER.reserved] = owed(positions, epoch);
    this.hidden.set(nameOf(words), words);
  }

  /** A partition is dirty; noted anew where it is already, as a shard does once its mark was read. */
  holdDirty(partition: number, positions: number, epoch: number = EPOCH): void {
    const high = partitionStart(partition, PARTITION_BITS);
    const key = new Uint8Array(Int32Array.of(partition, 0).buffer);
    const words = this.#noted(HIDDEN_BUCKET.dirty, { high, low: 0 }, key);
    words[HEADER.reserved] = owed(positions, epoch);
    // As the youngest: a map keeps the place of a key that it has.
    this.hidden.delete(nameOf(words));
    this.hidden.set(nameOf(words), words);
  }

  /** The shard notes a partition as dirty for somebody whose request is over, and says so. */
  noteDirty(partition: number, positions: number): void {
    this.holdDirty(partition, positions);
    const noted = [...this.hidden.values()].at(-1)!;
    const asked = { tag: 0, words: new Int32Array(REPLICA_NOTE_HEADER_WORDS), offset: 0 };
    const fields = { kind: REPLY_KIND.noted, flags: REPLY_FLAG.hidden, record: noted };
    this.world.shardReplies([[asked, fields]]);
  }

  holdObject(key: string, bucketId: number = 1): void {
    this.objects.set(key, this.#object(key, bucketId));
  }

  /** An object that a peer holds. */
  holdAt(node: number, key: string): void {
    const objects = this.objectsOf.get(node) ?? new Map<string, Int32Array>();
    this.objectsOf.set(node, objects.set(key, this.#object(key, 1)));
  }

  #object(key: string, bucketId: number): Int32Array {
    const words = record({ key, dots: [[9, this.world.wallTimeMs]] });
    words[HEADER.bucketId] = bucketId;
    return words;
  }

  /** Keys of hidden records of a bucket that are owed to somebody. */
  owing(bucketId: number): string[] {
    const records = [...this.hidden.values()].filter((words) => !isSettled(words, 0));
    return records
      .filter((words) => words[HEADER.bucketId] === bucketId)
      .map(keyText)
      .toSorted();
  }

  owedWordOf(bucketId: number, key: string): number {
    const found = [...this.hidden.values()].find(
      (words) => words[HEADER.bucketId] === bucketId && keyText(words) === key,
    );
    return found === undefined ? 0 : owedOf(found, 0);
  }

  /** Lets time pass, shard and peers answering as they do. */
  run(milliseconds: number): void {
    for (let left = milliseconds; left > 0; left -= 10) {
      this.world.passes(10);
      this.#serve();
    }
  }

  report(): HintsMessage {
    const message = { kind: 'figures-wanted', request: 1 } as const;
    this.world.step([{ kind: 'told', from: 'main', message }]);
    for (const effect of this.world.takeEffects()) {
      if (effect.kind === 'tell' && effect.message.kind === 'hints') return effect.message;
    }
    throw new Error('the core reports what it owes');
  }

  #serve(): void {
    for (let round = 0; round < 100; round += 1) {
      const due = this.#later.filter(({ at }) => at <= this.world.now);
      for (const one of due) this.#later.splice(this.#later.indexOf(one), 1);
      for (const { run } of due) run();
      const forShard = this.world.sentToShard();
      if (forShard.length > 0) {
        this.world.shardReplies(forShard.map((sent) => [sent, this.#answer(sent)] as const));
      }
      const forNodes = this.#takeNodes();
      if (forShard.length === 0 && forNodes === 0 && due.length === 0) return;
    }
    throw new Error('the hand-off comes to rest between two instants');
  }

  #takeNodes(): number {
    let count = 0;
    for (let node = 1; node < this.world.ring.nodes.length; node += 1) {
      for (const sent of this.world.sentToNode(node)) {
        count += 1;
        this.sentAt.set(node, [...(this.sentAt.get(node) ?? []), this.world.now]);
        const manner = this.manners.get(node) ?? 'stores';
        if (manner === 'silent') continue;
        const answer = (): void => this.#answerAs(node, sent, manner);
        if (this.latencyMs === 0) answer();
        else this.#later.push({ at: this.world.now + this.latencyMs, run: answer });
      }
    }
    return count;
  }

  #answerAs(node: number, sent: Sent, manner: Manner): void {
    if (opcodeOf(sent) === REPLICA_OPCODE.scan) {
      const objects = this.objectsOf.get(node) ?? new Map<string, Int32Array>();
      const { code } = ERRORS.READ_FAILED;
      const isRead = !this.unreadable.has(node) && manner === 'stores';
      const unread = { kind: REPLY_KIND.scanned, status: code };
      const page = this.pageInstead ?? this.#page(node, sent, objects);
      this.world.nodeReplies(node, sent, isRead ? page : unread);
      return;
    }
    const kind = REPLY_KIND.stored;
    if (manner === 'refuses') {
      this.world.nodeReplies(node, sent, { kind, status: ERRORS.OVERLOADED.code });
      return;
    }
    const start = sent.offset + REPLICA_STORE_HEADER_WORDS;
    const words = sent.words.slice(start, start + recordWordCount(sent.words, start));
    if (this.untakable.has(keyText(words))) {
      this.world.nodeReplies(node, sent, { kind, status: ERRORS.READ_FAILED.code });
      return;
    }
    const policy = field(sent, REPLICA_REQUEST.opcode) >>> 24;
    this.arrived.push({ node, key: keyText(words), words, policy, at: this.world.now });
    this.world.nodeReplies(node, sent, { kind });
  }

  #answer(sent: Sent): ReplyFields {
    const opcode = opcodeOf(sent);
    if (opcode === REPLICA_OPCODE.scan) return this.#scan(sent);
    if (opcode === REPLICA_OPCODE.read) return this.#read(sent);
    if (opcode === REPLICA_OPCODE.settle) return this.#settle(sent);
    if (opcode === REPLICA_OPCODE.note) return this.#note(sent);
    return this.#store(sent);
  }

  #scan(sent: Sent): ReplyFields {
    const keyByteCount = field(sent, REPLICA_REQUEST.keyAndContext) & 0xffff;
    const at = REPLICA_READ_HEADER_WORDS + paddedWords(keyByteCount);
    const isHidden = field(sent, REPLICA_REQUEST.bucketId) >= HIDDEN_BUCKET.hint;
    const isDamaged = this.damaged.has(field(sent, at + SCAN.partition));
    if (isDamaged || (!isHidden && this.unreadable.has(0))) {
      return { kind: REPLY_KIND.scanned, status: ERRORS.READ_FAILED.code };
    }
    return this.#page(0, sent, isHidden ? this.hidden : this.objects);
  }

  /** What a node shows of what it holds. */
  #page(node: number, sent: Sent, held: ReadonlyMap<string, Int32Array>): ReplyFields {
    const keyByteCount = field(sent, REPLICA_REQUEST.keyAndContext) & 0xffff;
    const at = REPLICA_READ_HEADER_WORDS + paddedWords(keyByteCount);
    const bucketId = field(sent, REPLICA_REQUEST.bucketId);
    const partition = field(sent, at + SCAN.partition);
    const isFirst = field(sent, at + SCAN.hasPosition) === 0;
    this.pages.push({ node, bucketId, isFirst });
    const cursor = isFirst ? undefined : cursorOf(sent, bucketId);
    const records = [...held.values()]
      .filter(
        (words) =>
          words[HEADER.bucketId] === bucketId &&
          partitionOf(words[HEADER.tokenHigh]!, PARTITION_BITS) === partition &&
          (cursor === undefined || compareRecordPositions(words, 0, cursor, 0) > 0),
      )
      .toSorted((left, right) => compareRecordPositions(left, 0, right, 0));
    const page: Int32Array[] = [];
    let byteCount = 0;
    for (const words of records) {
      byteCount += words.length * 4;
      if (page.length > 0 && byteCount > field(sent, at + SCAN.bytesMax)) break;
      page.push(words);
    }
    const flags = page.length < records.length ? REPLY_FLAG.more : 0;
    return { kind: REPLY_KIND.scanned, flags, records: page };
  }

  #read(sent: Sent): ReplyFields {
    const kind = REPLY_KIND.read;
    const found = this.objects.get(keyIn(sent, REPLICA_READ_HEADER_WORDS, 0));
    return found === undefined ? { kind, status: STATUS_NOT_FOUND } : { kind, record: found };
  }

  #settle(sent: Sent): ReplyFields {
    const name = nameIn(sent, REPLICA_SETTLE_HEADER_WORDS);
    const words = this.hidden.get(name);
    const word = field(sent, REPLICA_SETTLE.positions);
    if (words !== undefined) {
      const version = new Int32Array(2);
      hiddenVersion(words, 0, version);
      const isSame =
        version[0] === field(sent, REPLICA_SETTLE.versionLow) &&
        version[1] === field(sent, REPLICA_SETTLE.versionHigh) &&
        owedOf(words, 0) >>> OWED.epochShift === word >>> OWED.epochShift;
      this.log.push(`${isSame ? 'settle' : 'keep'} ${keyText(words)}`);
      if (isSame) words[HEADER.reserved] = owedOf(words, 0) & ~(word & OWED.positionMask);
    }
    return { kind: REPLY_KIND.settled };
  }

  #note(sent: Sent): ReplyFields {
    const bucketId = field(sent, REPLICA_REQUEST.bucketId);
    const name = nameIn(sent, REPLICA_NOTE_HEADER_WORDS);
    const high = field(sent, REPLICA_REQUEST.tokenHigh);
    const low = field(sent, REPLICA_REQUEST.tokenLow);
    const key = keyBytesIn(sent, REPLICA_NOTE_HEADER_WORDS);
    const words = this.#noted(bucketId, { high, low }, key);
    const before = this.hidden.get(name);
    const word = field(sent, REPLICA_NOTE.owed);
    words[HEADER.reserved] = joinOwed(word, before === undefined ? 0 : owedOf(before, 0));
    this.hidden.set(name, words);
    this.log.push(`note ${bucketId === HIDDEN_BUCKET.dirty ? 'dirty' : keyText(words)}`);
    return { kind: REPLY_KIND.noted, flags: REPLY_FLAG.hidden, record: words };
  }

  /** A store of a hinted copy by the coordinator itself. */
  #store(sent: Sent): ReplyFields {
    const start = sent.offset + REPLICA_STORE_HEADER_WORDS;
    const visible = sent.words.slice(start, start + recordWordCount(sent.words, start));
    const out = new Int32Array(hiddenWordCount(visible, 0));
    writeHidden(visible, 0, field(sent, REPLICA_STORE.owed), out, 0);
    const before = this.hidden.get(nameOf(out));
    if (before !== undefined) {
      out[HEADER.reserved] = joinOwed(owedOf(out, 0), owedOf(before, 0));
    }
    this.hidden.set(nameOf(out), out);
    this.log.push(`store ${keyText(out)}`);
    return { kind: REPLY_KIND.stored, flags: REPLY_FLAG.hidden, record: out };
  }

  #noted(bucketId: number, token: { high: number; low: number }, key: Uint8Array): Int32Array {
    this.notes += 1;
    return encodeRecord({
      bucketId,
      token: (BigInt(token.high >>> 0) << 32n) | BigInt(token.low >>> 0),
      key,
      replicationClass: 0,
      context: [],
      siblings: [],
      recents: [
        {
          operation: { session: 0n, sequence: this.notes },
          seconds: this.wallSeconds,
          dot: { incarnation: 0n, counter: 0n },
        },
      ],
    });
  }
}
