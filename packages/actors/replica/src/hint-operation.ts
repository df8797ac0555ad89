/**
 * Operations with flag `hint`, as operations on the hinted copy: the same words under the hidden bucket
 * and key, so that they are read, parked, joined, logged and answered as all others are. data plane.
 *
 * Invariants:
 *   HN1 a hinted operation touches no record of a user's bucket
 *   HN2 a stand-in that holds no copy answers "not found", whatever its own partitions hold
 */
import { assert } from '@clockwise/kernel/assert';
import {
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLICA_WRITE_HEADER_WORDS,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import {
  HIDDEN_BUCKET,
  HIDDEN_KEY_BYTES,
  writeHidden,
  writeHiddenKey,
} from '@clockwise/record/hidden';
import { paddedWords } from '@clockwise/record/layout';

const HINT_BIT = REPLICA_REQUEST_FLAG.hint << 8;

export function isHinted(words: Int32Array, offset: number): boolean {
  return (words[offset + REPLICA_REQUEST.opcode]! & HINT_BIT) !== 0;
}

export class HintOperation {
  /** The operation as it is to be done, from word 0 on; borrowed until the next one. */
  words: Int32Array = new Int32Array(1024);

  /** [HN1] REQUIRES: the operation is hinted, and a read, write or store. */
  rewrite(words: Int32Array, offset: number): void {
    const wordCount = words[offset + OPERATION.wordCount]!;
    // A hidden key has at most two words more.
    if (this.words.length < wordCount + 2) this.words = new Int32Array(wordCount * 2);
    const opcode = words[offset + REPLICA_REQUEST.opcode]! & 0xff;
    assert(isHinted(words, offset) && opcode <= REPLICA_OPCODE.store, 'only records have copies');
    const out = this.words;
    if (opcode === REPLICA_OPCODE.store) {
      const record = offset + REPLICA_STORE_HEADER_WORDS;
      copyWords(words, offset, out, 0, REPLICA_STORE_HEADER_WORDS);
      const owed = words[offset + REPLICA_STORE.owed]!;
      const size = writeHidden(words, record, owed, out, REPLICA_STORE_HEADER_WORDS);
      out[OPERATION.wordCount] = REPLICA_STORE_HEADER_WORDS + size;
      out[REPLICA_STORE.owed] = 0;
    } else {
      const isWrite = opcode === REPLICA_OPCODE.write;
      rewriteKey(
        words,
        offset,
        out,
        isWrite ? REPLICA_WRITE_HEADER_WORDS : REPLICA_READ_HEADER_WORDS,
      );
    }
    out[REPLICA_REQUEST.opcode]! &= ~HINT_BIT;
  }
}

/** Header and what follows the key stay; bucket and key become hidden. */
function rewriteKey(words: Int32Array, offset: number, out: Int32Array, headerWords: number): void {
  const keyAndContext = words[offset + REPLICA_REQUEST.keyAndContext]!;
  const keyByteCount = keyAndContext & 0xffff;
  const bucketId = words[offset + REPLICA_REQUEST.bucketId]!;
  const key = offset + headerWords;
  copyWords(words, offset, out, 0, headerWords);
  const hiddenBytes = writeHiddenKey(bucketId, words, key, keyByteCount, out, headerWords);
  const body = key + paddedWords(keyByteCount);
  const bodyOut = headerWords + paddedWords(hiddenBytes);
  const bodyWords = offset + words[offset + OPERATION.wordCount]! - body;
  copyWords(words, body, out, bodyOut, bodyWords);
  out[OPERATION.wordCount] = bodyOut + bodyWords;
  out[REPLICA_REQUEST.bucketId] = HIDDEN_BUCKET.hint;
  out[REPLICA_REQUEST.keyAndContext] = keyAndContext + HIDDEN_KEY_BYTES;
}
