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
import { partitionOf } from '@clockwise/placement/token';
import { decodeRecord, encodeRecord } from '@clockwise/record/build';
import { compareRecordPositions } from '@clockwise/record/compare';
import {
  HIDDEN_BUCKET,
  hiddenVersion,
  hiddenWordCount,
  isSettled,
  joinOwed,
  OWED,
  owedOf,
  visibleWordCount,
  writeHidden,
  writeVisible,
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
} from './coordinator-world.ts';
import type { BucketView } from './ring-view.ts';
import { bytes, record, tokenOf } from './sample-requests.ts';

const PARTITION_BITS = 3;
const EPOCH = 1;

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
  readonly arrived: Arrived[] = [];
  /** What was sent to each node, whether it was answered or not: when. */
  readonly sentAt: Map<number, number[]> = new Map();
  readonly manners: Map<number, Manner> = new Map();
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

  holdObject(key: string): void {
    this.objects.set(key, record({ key, dots: [[9, this.world.wallTimeMs]] }));
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
    const kind = REPLY_KIND.stored;
    if (manner === 'refuses') {
      this.world.nodeReplies(node, sent, { kind, status: ERRORS.OVERLOADED.code });
      return;
    }
    const start = sent.offset + REPLICA_STORE_HEADER_WORDS;
    const words = sent.words.slice(start, start + recordWordCount(sent.words, start));
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
    const bucketId = field(sent, REPLICA_REQUEST.bucketId);
    const partition = field(sent, at + SCAN.partition);
    if (this.damaged.has(partition)) {
      return { kind: REPLY_KIND.scanned, status: ERRORS.READ_FAILED.code };
    }
    const cursor = field(sent, at + SCAN.hasPosition) === 0 ? undefined : cursorOf(sent, bucketId);
    const records = [...this.hidden.values()]
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

export function owed(positions: number, epoch: number = EPOCH): number {
  return (epoch << OWED.epochShift) | positions;
}

/** The key of the user in a record, hidden or not. */
export function keyText(words: Int32Array): string {
  const { bucketId, key } = decodeRecord(words, 0);
  const isHidden = bucketId >= HIDDEN_BUCKET.hint;
  return String.fromCharCode(...(isHidden ? key.subarray(4) : key));
}

/** The visible form of a copy. */
export function visibleOf(words: Int32Array): Int32Array {
  const out = new Int32Array(visibleWordCount(words, 0));
  writeVisible(words, 0, out, 0);
  return out;
}

function nameOf(words: Int32Array): string {
  const { bucketId, key } = decodeRecord(words, 0);
  return `${bucketId}/${[...key]}`;
}

function keyBytesIn(sent: Sent, header: number): Uint8Array {
  const byteCount = field(sent, REPLICA_REQUEST.keyAndContext) & 0xffff;
  const start = sent.offset + header;
  const words = sent.words.slice(start, start + paddedWords(byteCount));
  return new Uint8Array(words.buffer, 0, byteCount);
}

function nameIn(sent: Sent, header: number): string {
  return `${field(sent, REPLICA_REQUEST.bucketId)}/${[...keyBytesIn(sent, header)]}`;
}

function keyIn(sent: Sent, header: number, from: number): string {
  return String.fromCharCode(...keyBytesIn(sent, header).subarray(from));
}

/** A record that stands where a scan's cursor does. */
function cursorOf(sent: Sent, bucketId: number): Int32Array {
  const key = keyBytesIn(sent, REPLICA_READ_HEADER_WORDS);
  const at = REPLICA_READ_HEADER_WORDS + paddedWords(key.length);
  const high = field(sent, at + SCAN.tokenHigh);
  const low = field(sent, at + SCAN.tokenLow);
  return encodeRecord({
    bucketId,
    token: (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0),
    key,
    replicationClass: 0,
    context: [],
    siblings: [],
    recents: [],
  });
}
