/**
 * What hears of every append of every replica in a run, and hands it to those who judge it: the ledger
 * of dots, the causal ledger, the limits of records, and last the mirror, which until then still holds
 * what stood before. A hinted copy is judged as the object that it is, at a shard of its own (`n4/0/hints`);
 * marks and dirty ranges say nothing of objects, and are kept account of only.
 */
import { readBytes } from '@clockwise/record/build';
import {
  HIDDEN_BUCKET,
  isHidden,
  isSettled,
  owedOf,
  visibleWordCount,
  writeVisible,
} from '@clockwise/record/hidden';
import {
  HEADER,
  keyBytes,
  keyOffset,
  paddedWords,
  PREFIX,
  PREFIX_WORDS,
} from '@clockwise/record/layout';
import type { KeptBounds } from '../checkers/bounded-kept.ts';
import type { RecordBounds } from '../checkers/bounded-records.ts';
import type { CausalLedger, WasRetried } from '../checkers/causal-ledger.ts';
import { STAND_IN_SHELF } from '../checkers/causal-ledger-replies.ts';
import { siblingOffsets, viewOfRecord } from '../checkers/causal-ledger-version.ts';
import type { DotLedger } from '../checkers/dot-ledger.ts';
import { nameOfKey } from '../checkers/history.ts';
import { textOf } from './client-identity.ts';
import { type HiddenRecord, nameOfHidden, type ReplicaMirror } from './replica-mirror.ts';

export interface AppendWatchOptions {
  readonly ledger: DotLedger;
  readonly causal: CausalLedger;
  readonly bounds: RecordBounds;
  readonly keptBounds: KeptBounds;
  /** Of each node. */
  readonly shardCount: number;
  readonly mirror: ReplicaMirror;
  readonly lwwBucketIds: ReadonlySet<number>;
  /** Whether an opening was asked for an operation as a retry only. */
  readonly wasRetried: (shard: string, opening: string, operation: string) => WasRetried;
}

export class AppendWatch {
  recordCount = 0;
  /** Of these: what is kept for others. */
  hiddenCount = 0;
  readonly #options: AppendWatchOptions;
  readonly #keyNames: KeyNames = new KeyNames();
  #scratch: Int32Array = new Int32Array(256);

  constructor(options: AppendWatchOptions) {
    this.#options = options;
  }

  /** The records in words [from, to), each behind its prefix. */
  appended(words: Int32Array, from: number, to: number, shard: string, opening: string): void {
    for (let prefix = from; prefix < to;) {
      const record = prefix + PREFIX_WORDS;
      this.#appendedRecord(words, record, shard, opening);
      this.recordCount += 1;
      prefix = record + words[record + HEADER.wordCount]!;
    }
  }

  #appendedRecord(words: Int32Array, record: number, shard: string, opening: string): void {
    const sequence = sequenceAt(words, record - PREFIX_WORDS);
    if (isHidden(words, record)) {
      this.#appendedHidden(words, record, { shard, opening, sequence });
      return;
    }
    const keyName = this.#keyNames.nameOf(words, record);
    this.#judge(words, record, keyName, { shard, opening, sequence });
    this.#options.mirror.append(shard, sequence, keyName, words, record);
  }

  #appendedHidden(words: Int32Array, record: number, append: Append): void {
    const { mirror, keptBounds, shardCount } = this.#options;
    const kind = kindOf(words[record + HEADER.bucketId]!);
    const wordCount = words[record + HEADER.wordCount]!;
    this.hiddenCount += 1;
    const visible = this.#visible(words, record);
    const keyName = this.#keyNames.nameOf(visible, 0);
    if (kind === 'hint' && !isSettled(words, record)) {
      this.#judge(visible, 0, keyName, { ...append, shelf: STAND_IN_SHELF });
    }
    const hidden: HiddenRecord = {
      kind,
      keyName,
      owed: owedOf(words, record),
      byteCount: 4 * wordCount,
    };
    const name = nameOfHidden(kind, keyName);
    mirror.append(append.shard, append.sequence, name, visible, 0, hidden);
    const [nodeId] = append.shard.split('/');
    keptBounds.appended(nodeId!, mirror.keptBy(nodeId!, shardCount), 4 * wordCount);
  }

  /** Valid until the next call. */
  #visible(words: Int32Array, record: number): Int32Array {
    const wordCount = visibleWordCount(words, record);
    if (this.#scratch.length < wordCount) this.#scratch = new Int32Array(2 * wordCount);
    writeVisible(words, record, this.#scratch, 0);
    return this.#scratch;
  }

  /** All but the mirror, which knows what the shard held before. */
  #judge(
    words: Int32Array,
    record: number,
    keyName: string,
    { shard, opening, sequence, shelf = '' }: Append,
  ): void {
    const { ledger, causal, bounds, mirror, lwwBucketIds } = this.#options;
    const after = viewOfRecord(words, record);
    const name = shelf === '' ? keyName : nameOfHidden('hint', keyName);
    const before = mirror.before(shard, name);
    const isWrite = causal.appended({
      shard: `${shard}${shelf}`,
      opening,
      sequence,
      keyName,
      isLww: lwwBucketIds.has(words[record + HEADER.bucketId]!),
      before,
      after,
      wasRetried: (operation) => this.#options.wasRetried(shard, opening, operation),
    });
    const siblings = siblingOffsets(after);
    const where = (): string => `${opening}${shelf} at ${sequence}`;
    for (const sibling of siblings) {
      ledger.observeSibling(words, record, sibling, keyName, where);
    }
    const whose = (): string => `${keyName} at ${shard}${shelf}`;
    bounds.appended({ words, record, siblings, before, isWrite, where: whose });
  }
}

/** Where and when something was appended. */
interface Append {
  readonly shard: string;
  readonly opening: string;
  readonly sequence: number;
  /** Of a hinted copy: what stands behind the shard's name. */
  readonly shelf?: string;
}

function kindOf(bucketId: number): HiddenRecord['kind'] {
  if (bucketId === HIDDEN_BUCKET.hint) return 'hint';
  return bucketId === HIDDEN_BUCKET.mark ? 'mark' : 'dirty';
}

function sequenceAt(words: Int32Array, prefix: number): number {
  return (
    (words[prefix + PREFIX.sequenceLow]! >>> 0) + words[prefix + PREFIX.sequenceHigh]! * 2 ** 32
  );
}

/** Names of keys, made once: keys come again and again. */
class KeyNames {
  readonly #byToken: Map<number, { readonly key: Int32Array; readonly name: string }[]> = new Map();

  nameOf(words: Int32Array, record: number): string {
    const tokenHigh = words[record + HEADER.tokenHigh]!;
    const first = keyOffset(record);
    const wordCount = paddedWords(keyBytes(words, record));
    const known = this.#byToken.get(tokenHigh);
    const bucketId = words[record + HEADER.bucketId]!;
    if (known !== undefined) {
      for (const one of known) {
        if (isEqual(one.key, bucketId, words, first, wordCount)) return one.name;
      }
    }
    const text = textOf(readBytes(words, first, keyBytes(words, record)));
    const name = nameOfKey({ bucketId, key: text });
    const entry = { key: Int32Array.of(bucketId, ...words.slice(first, first + wordCount)), name };
    if (known === undefined) this.#byToken.set(tokenHigh, [entry]);
    else known.push(entry);
    return name;
  }
}

/** `known`: the bucket, then the key, whose padding is zero; keys of a run hold no byte zero. */
function isEqual(
  known: Int32Array,
  bucketId: number,
  words: Int32Array,
  key: number,
  wordCount: number,
): boolean {
  if (known[0] !== bucketId || known.length !== wordCount + 1) return false;
  for (let index = 0; index < wordCount; index += 1) {
    if (known[index + 1] !== words[key + index]!) return false;
  }
  return true;
}
