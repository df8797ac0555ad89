/**
 * What hears of every append of every replica in a run, and hands it to those who judge it: the ledger
 * of dots, the causal ledger, the limits of records, and last the mirror, which until then still holds
 * what stood before.
 */
import { readBytes } from '@clockwise/record/build';
import {
  HEADER,
  keyBytes,
  keyOffset,
  paddedWords,
  PREFIX,
  PREFIX_WORDS,
} from '@clockwise/record/layout';
import type { RecordBounds } from '../checkers/bounded-records.ts';
import type { CausalLedger } from '../checkers/causal-ledger.ts';
import { siblingOffsets, viewOfRecord } from '../checkers/causal-ledger-version.ts';
import type { DotLedger } from '../checkers/dot-ledger.ts';
import { nameOfKey } from '../checkers/history.ts';
import { textOf } from './client-identity.ts';
import type { ReplicaMirror } from './replica-mirror.ts';

export interface AppendWatchOptions {
  readonly ledger: DotLedger;
  readonly causal: CausalLedger;
  readonly bounds: RecordBounds;
  readonly mirror: ReplicaMirror;
  readonly lwwBucketIds: ReadonlySet<number>;
}

export class AppendWatch {
  recordCount = 0;
  readonly #options: AppendWatchOptions;
  readonly #keyNames: KeyNames = new KeyNames();

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
    const { ledger, causal, bounds, mirror, lwwBucketIds } = this.#options;
    const sequence = sequenceAt(words, record - PREFIX_WORDS);
    const keyName = this.#keyNames.nameOf(words, record);
    const after = viewOfRecord(words, record);
    const before = mirror.before(shard, keyName);
    const isWrite = causal.appended({
      shard,
      opening,
      sequence,
      keyName,
      isLww: lwwBucketIds.has(words[record + HEADER.bucketId]!),
      before,
      after,
    });
    const siblings = siblingOffsets(after);
    const where = (): string => `${opening} at ${sequence}`;
    for (const sibling of siblings) {
      ledger.observeSibling(words, record, sibling, keyName, where);
    }
    const whose = (): string => `${keyName} at ${shard}`;
    bounds.appended({ words, record, siblings, before, isWrite, where: whose });
    mirror.append(shard, sequence, keyName, words, record);
  }
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
