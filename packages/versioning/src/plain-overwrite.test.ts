import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { writeBytes } from '@clockwise/record/build';
import { contextCount, contextOffset } from '@clockwise/record/layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { overwritePlain } from './plain-overwrite.ts';
import { operationIsKnown } from './recents.ts';
import { WriteOperands, writeWordCountMax } from './write-operands.ts';
import { RecordWriter, writeAny } from './write.ts';

const SEED = 'plain-overwrite-1';
const START_MS = 1_700_000_000_000;
const NOTHING = new Int32Array(0);

/** One key under random writes of two incarnations; the clock goes on, mostly. */
class Key {
  readonly operands: WriteOperands = new WriteOperands();
  readonly writer: RecordWriter;
  words: Int32Array = NOTHING;
  plainCount = 0;
  readonly #prng: Prng;
  readonly #value: Int32Array = new Int32Array(64);
  #ms = START_MS;
  #counter = 0;

  constructor(prng: Prng, recentOperationsMax: number, lww: boolean) {
    this.#prng = prng;
    this.writer = new RecordWriter({ ...DEFAULT_LIMITS, recentOperationsMax });
    writeBytes((this.operands.keyWords = new Int32Array(4)), 0, new Uint8Array([1, 2, 3]));
    this.operands.keyByteCount = 3;
    this.operands.bucketId = 7;
    this.operands.tokenHigh = -5;
    this.operands.tokenLow = 6;
    this.operands.lww = lww;
    this.operands.valueWords = this.#value;
    for (let word = 0; word < 64; word += 1) this.#value[word] = prng.below(0x7fff_ffff);
  }

  #fill(): void {
    const { operands } = this;
    const prng = this.#prng;
    this.#counter += 1;
    operands.dot.set([prng.chance(0.9) ? 1 : 2, 0, this.#counter, 9]);
    // Within a second, over several, beyond the window, and back.
    this.#ms += prng.chance(0.1) ? prng.below(60_000) - 20_000 : prng.below(1500);
    const seconds65536 = Math.floor(this.#ms / 65_536);
    operands.hybridLow = ((this.#ms & 0xffff) << 16) | prng.below(3);
    operands.hybridHigh = seconds65536 | 0;
    operands.sessionLow = prng.below(3);
    operands.sessionHigh = 0;
    operands.sequence = this.#counter;
    operands.tombstone = prng.chance(0.1);
    operands.codec = prng.below(3);
    operands.expirySeconds = prng.below(2) * 77;
    operands.valueByteCount = prng.below(200);
    operands.replicationClass = prng.below(2);
    operands.contextGiven = prng.chance(0.2);
    operands.contextCount = 0;
    if (operands.contextGiven && this.words.length > 0 && prng.chance(0.7)) {
      operands.contextWords = this.words;
      operands.contextOffset = contextOffset(this.words, 0);
      operands.contextCount = contextCount(this.words, 0);
    }
  }

  step(): void {
    this.#fill();
    const { operands, writer, words } = this;
    const current = words.length === 0 ? -1 : 0;
    const { sessionLow, sessionHigh, sequence } = operands;
    assert.not(current === 0 && operationIsKnown(words, 0, sessionLow, sessionHigh, sequence));
    const room = writeWordCountMax(operands, words.length);
    const wanted = new Int32Array(room);
    const wordCount = writeAny(writer, operands, words, current, wanted, 0);
    assert.ok(wordCount > 0);
    if (current === 0) {
      const out = new Int32Array(room + 3).fill(-1);
      const plain = overwritePlain(writer.limits, operands, words, 0, out, 2);
      if (plain > 0) {
        this.plainCount += 1;
        assert.equal(out.slice(2, 2 + plain), wanted.slice(0, wordCount));
        assert.equal([out[0], out[1], out[room + 2]], [-1, -1, -1]);
      }
    }
    this.words = wanted.slice(0, wordCount);
  }
}

for (const lww of [false, true]) {
  test(`[PO1] the plain way writes what the general one writes, lww ${lww} (seed ${SEED})`, () => {
    for (const recentOperationsMax of [0, 1, 2, 5]) {
      const key = new Key(new Prng(`${SEED} ${recentOperationsMax}`), recentOperationsMax, lww);
      for (let step = 0; step < 4000; step += 1) key.step();
      assert.ok(key.plainCount > 1000, `${key.plainCount} of 4000 were plain`);
    }
  });
}

test('[PO1] a retry, a context, a hidden record and a dot that is not above are not its own', () => {
  const key = new Key(new Prng(SEED), 2, false);
  while (key.plainCount < 3) key.step();
  const { operands, writer, words } = key;
  const tries = (change: () => void, restore: () => void): number => {
    change();
    const out = new Int32Array(writeWordCountMax(operands, words.length));
    const written = overwritePlain(writer.limits, operands, words, 0, out, 0);
    restore();
    return written;
  };
  operands.contextGiven = false;
  operands.dot.set([1, 0, 9999, 9]);
  const nothing = (): void => undefined;
  assert.ok(tries(nothing, nothing) > 0);
  assert.is(
    tries(
      () => (operands.retry = true),
      () => (operands.retry = false),
    ),
    0,
  );
  assert.is(
    tries(
      () => (operands.owed = 1),
      () => (operands.owed = 0),
    ),
    0,
  );
  assert.is(
    tries(
      () => (words[7] = 1),
      () => (words[7] = 0),
    ),
    0,
  );
  assert.is(
    tries(
      () => operands.dot.set([1, 0, 0, 9]),
      () => operands.dot.set([1, 0, 9999, 9]),
    ),
    0,
  );
  assert.is(
    tries(
      () => operands.dot.set([3, 0, 9999, 9]),
      () => operands.dot.set([1, 0, 9999, 9]),
    ),
    0,
  );
});

test.run();
