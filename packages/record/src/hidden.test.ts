import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord } from './build.ts';
import {
  HIDDEN_BUCKET,
  HIDDEN_KEY_BYTES,
  hiddenVersion,
  hiddenWordCount,
  isHidden,
  isSettled,
  joinOwed,
  OWED,
  owedOf,
  visibleBucketId,
  visibleWordCount,
  writeHidden,
  writeHiddenKey,
  writeVisible,
} from './hidden.ts';
import { leafHash } from './leaf-hash.ts';
import { HEADER, HEADER_WORDS, paddedWords, RECENT, RECENT_WORDS } from './layout.ts';
import { RECORD_FAULT, recordLimits, validateRecord } from './validate.ts';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';

const SEED = 511;

function randomRecord(random: Prng, keyBytesCount: number): Int32Array {
  const dot = { incarnation: BigInt(1 + random.below(9)), counter: BigInt(1 + random.below(99)) };
  const operation = { session: 3n, sequence: random.below(1000) };
  const isTombstone = random.chance(0.3);
  return encodeRecord({
    bucketId: random.below(5),
    token: (BigInt(random.word() >>> 0) << 32n) | BigInt(random.word() >>> 0),
    key: Uint8Array.from({ length: keyBytesCount }, () => random.below(256)),
    replicationClass: random.below(3),
    context: [dot],
    siblings: [
      {
        dot,
        operation,
        tombstone: isTombstone,
        codec: 0,
        expirySeconds: 0,
        hybrid: BigInt(random.below(1 << 30)),
        value: new Uint8Array(isTombstone ? 0 : random.below(40)).fill(7),
      },
    ],
    recents: random.chance(0.5) ? [{ operation, seconds: 7, dot }] : [],
  });
}

/** Amid words that are not its own, so that a write outside would show. */
function written(wordCount: number, write: (out: Int32Array, at: number) => number): Int32Array {
  const out = new Int32Array(wordCount + 8).fill(-1);
  assert.is(write(out, 4), wordCount);
  assert.ok(out.subarray(0, 4).every((word) => word === -1));
  assert.ok(out.subarray(4 + wordCount).every((word) => word === -1));
  return out.slice(4, 4 + wordCount);
}

test('[HD1] hidden and visible are inverse', () => {
  const random = new Prng(SEED);
  for (let run = 0; run < 400; run += 1) {
    const record = randomRecord(random, 1 + (run % 40));
    const owed = random.word();
    const hidden = written(hiddenWordCount(record, 0), (out, at) =>
      writeHidden(record, 0, owed, out, at),
    );
    assert.is(hidden[HEADER.wordCount], hidden.length);
    assert.ok(isHidden(hidden, 0));
    assert.not(isHidden(record, 0));
    assert.is(owedOf(hidden, 0), owed);
    assert.is(visibleBucketId(hidden, 0), record[HEADER.bucketId]);
    const visible = written(visibleWordCount(hidden, 0), (out, at) =>
      writeVisible(hidden, 0, out, at),
    );
    assert.equal(visible, record, `seed ${SEED}, run ${run}`);
  }
});

test('[HD1] a hidden record is not taken for a record by a gateway', () => {
  const record = randomRecord(new Prng(SEED), 5);
  const hidden = new Int32Array(hiddenWordCount(record, 0));
  writeHidden(record, 0, 0, hidden, 0);
  const limits = recordLimits(DEFAULT_LIMITS);
  assert.is(validateRecord(record, 0, record.length, limits), RECORD_FAULT.none);
  assert.is(validateRecord(hidden, 0, hidden.length, limits), RECORD_FAULT.header);
});

test('[HD2] hidden keys of two keys or buckets never meet', () => {
  const hiddenKeys = new Map<string, string>();
  for (const bucketId of [0, 1, 256, 0x0100_0001]) {
    for (let keyByteCount = 1; keyByteCount <= 12; keyByteCount += 1) {
      for (const filler of [0, 1, 0x6b]) {
        const key = new Int32Array(paddedWords(keyByteCount));
        new Uint8Array(key.buffer).fill(filler, 0, keyByteCount);
        const out = new Int32Array(paddedWords(keyByteCount + HIDDEN_KEY_BYTES)).fill(-1);
        const byteCount = writeHiddenKey(bucketId, key, 0, keyByteCount, out, 0);
        assert.is(byteCount, keyByteCount + HIDDEN_KEY_BYTES);
        const bytes = new Uint8Array(out.buffer);
        assert.ok(
          bytes.subarray(byteCount).every((byte) => byte === 0),
          'padded with zeros',
        );
        const name = `${bucketId} ${keyByteCount} ${filler}`;
        const hidden = bytes.subarray(0, byteCount).join(' ');
        assert.is(hiddenKeys.get(hidden), undefined, `${name} and ${hiddenKeys.get(hidden)}`);
        hiddenKeys.set(hidden, name);
      }
    }
  }
});

test('[HD3] joinOwed is commutative, associative, idempotent', () => {
  const random = new Prng(SEED);
  const draw = (): number =>
    (random.pick([0, 1, 2, 0x7fff, 0x8000, 0xffff]) << OWED.epochShift) |
    random.pick([0, 0, 1, 2, 6, 0x8000, OWED.positionMask]);
  for (let run = 0; run < 5000; run += 1) {
    const [one, two, three] = [draw(), draw(), draw()];
    assert.is(joinOwed(one, two), joinOwed(two, one));
    assert.is(joinOwed(joinOwed(one, two), three), joinOwed(one, joinOwed(two, three)));
    assert.is(joinOwed(one, one), one);
  }
});

test('[HD3] of one epoch both positions are owed, of two epochs all of the younger', () => {
  const owed = (epoch: number, positions: number): number => (epoch << OWED.epochShift) | positions;
  assert.is(joinOwed(owed(4, 1), owed(4, 6)), owed(4, 7));
  assert.is(joinOwed(owed(4, 1), owed(5, 2)), owed(5, OWED.positionMask));
  assert.is(joinOwed(0, owed(5, 2)), owed(5, 2), 'what is settled adds nothing');
  assert.is(joinOwed(owed(9, 0), owed(5, 2)), owed(5, 2));
  assert.is(joinOwed(0, 0), 0);
});

test('versions: a hint by its content, a mark by its number, a settled record by nothing', () => {
  const record = randomRecord(new Prng(SEED), 5);
  const hidden = new Int32Array(hiddenWordCount(record, 0));
  writeHidden(record, 0, 3, hidden, 0);
  const version = new Int32Array(2);
  const hash = new Int32Array(2);
  hiddenVersion(hidden, 0, version);
  leafHash(hidden, 0, hash);
  assert.equal(version, hash);
  assert.not(isSettled(hidden, 0));
  const keyWords = paddedWords(5 + HIDDEN_KEY_BYTES);
  const settled = hidden.slice(0, HEADER_WORDS + keyWords);
  settled[HEADER.wordCount] = settled.length;
  settled[HEADER.bucketId] = HIDDEN_BUCKET.mark;
  settled[HEADER.keyAndContext] = 5 + HIDDEN_KEY_BYTES;
  settled[HEADER.siblingsAndRecents] = 0;
  settled[HEADER.reserved] = 0;
  assert.ok(isSettled(settled, 0));
  hiddenVersion(settled, 0, version);
  assert.equal(version, Int32Array.of(0, 0));
  const mark = new Int32Array(settled.length + RECENT_WORDS);
  mark.set(settled);
  mark[HEADER.wordCount] = mark.length;
  mark[HEADER.siblingsAndRecents] = 1 << 16;
  mark[HEADER.reserved] = 2;
  mark[settled.length + RECENT.sequence] = 77;
  assert.not(isSettled(mark, 0));
  hiddenVersion(mark, 0, version);
  assert.equal(version, Int32Array.of(77, 0));
});

test.run();
