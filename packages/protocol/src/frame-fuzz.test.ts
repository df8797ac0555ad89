/**
 * Fuzz of everything that judges frames: valid frames of every kind are accepted; 50,000 damaged
 * ones, each made from a valid one with knowledge of the layout, are accepted or refused by name, and
 * what is accepted can be walked by the readers without leaving the frame.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { recordLimits } from '@clockwise/record/validate';
import { STATUS_OK } from './errors.ts';
import { FRAME_HEADER_WORDS, REQUEST_OPCODE, TAG } from './frame.ts';
import { frameCorpus, operationsOf } from './frame-corpus.ts';
import { damagedFrame } from './frame-damage.ts';
import { readControl, readControlFrame } from './message-codec.ts';
import { REJECTION, rejectionName } from './rejections.ts';
import {
  readContext,
  readScan,
  readSiblings,
  responseOpcode,
  responseWordCount,
} from './response-reader.ts';
import { validateFrameHeader } from './validate-frame.ts';
import { validateReplicaReplyFrame, validateReplicaRequestFrame } from './validate-replica.ts';
import { requestStatus, validateRequestFrame } from './validate-request.ts';
import { validateResponseFrame } from './validate-response.ts';

const SEED = 20_120;
const FRAMES = 50_000;
const CORPUS: readonly Int32Array[] = frameCorpus();
const LIMITS = DEFAULT_LIMITS;
const RECORDS = recordLimits(LIMITS);

type Validate = (words: Int32Array, offset: number, wordCount: number) => number;

/** By tag; the first is the header's alone. */
const VALIDATORS: readonly Validate[] = [
  (words, offset, wordCount) => validateFrameHeader(words, offset, wordCount, LIMITS),
  (words, offset, wordCount) => validateRequestFrame(words, offset, wordCount, LIMITS),
  (words, offset, wordCount) => validateResponseFrame(words, offset, wordCount, LIMITS, RECORDS),
  (words, offset, wordCount) =>
    validateReplicaRequestFrame(words, offset, wordCount, LIMITS, RECORDS),
  (words, offset, wordCount) =>
    validateReplicaReplyFrame(words, offset, wordCount, LIMITS, RECORDS),
];

/** Walks what was accepted, as its receiver would; every part must lie in the frame. */
function walk(frame: Int32Array, tag: number): number {
  let parts = 0;
  for (const offset of operationsOf(frame)) {
    if (tag === TAG.request) parts += requestStatus(frame, offset, LIMITS) === STATUS_OK ? 1 : 0;
    if (tag !== TAG.response) continue;
    assert.ok(offset + responseWordCount(frame, offset) <= frame.length);
    parts += readContext(frame, offset).length;
    if (responseOpcode(frame, offset) === REQUEST_OPCODE.get) {
      for (const sibling of readSiblings(frame, offset)) parts += sibling.bytes.length;
    }
    if (responseOpcode(frame, offset) === REQUEST_OPCODE.scan) {
      parts += readScan(frame, offset).length;
    }
  }
  return parts;
}

/** The frame amid words of others, so that reading outside of it would show. */
function embedded(frame: Int32Array, filler: number): Int32Array {
  const words = new Int32Array(frame.length + 64).fill(filler);
  words.set(frame, 32);
  return words;
}

/** Int32 words that tell of the first read outside of `from` to `to`. */
function guarded(words: Int32Array, from: number, to: number): Int32Array {
  return new Proxy(words, {
    get(target, property): unknown {
      if (property === 'length') return target.length;
      const index = Number(property);
      assert.ok(index >= from && index < to, `word ${String(property)} of ${from} to ${to}`);
      return target[index];
    },
  });
}

test('[VF2] I1 I6 no validator reads a word outside of what arrived', () => {
  const random = new Prng(SEED).stream('guarded');
  for (let index = 0; index < FRAMES / 5; index += 1) {
    const frame = damagedFrame(CORPUS, random);
    const words = guarded(embedded(frame, -1), 32, 32 + frame.length);
    for (const validate of VALIDATORS) {
      const name = rejectionName(validate(words, 32, frame.length));
      assert.ok(name !== undefined, `seed ${SEED}, frame ${index}`);
    }
  }
});

test('[VF3] I6 50,000 damaged frames: no exception, every refusal named, nothing read outside', () => {
  const random = new Prng(SEED);
  const refusals = new Map<string, number>();
  let accepted = 0;
  for (let index = 0; index < FRAMES; index += 1) {
    const frame = damagedFrame(CORPUS, random);
    const quiet = embedded(frame, 0);
    const loud = embedded(frame, -1);
    let isAccepted = false;
    for (const [tag, validate] of VALIDATORS.entries()) {
      const rejection = validate(quiet, 32, frame.length);
      assert.is(rejection, validate(loud, 32, frame.length), `seed ${SEED}, frame ${index}`);
      const name = rejectionName(rejection);
      assert.ok(name !== undefined, `seed ${SEED}, frame ${index}: ${rejection}`);
      refusals.set(name, (refusals.get(name) ?? 0) + 1);
      if (rejection === REJECTION.none && tag > 0) {
        isAccepted = true;
        assert.is(walk(frame, tag), walk(frame.slice(), tag));
      }
    }
    const control = readControlFrame(quiet, 32, frame.length, LIMITS);
    assert.equal(control, readControlFrame(loud, 32, frame.length, LIMITS));
    const begin = 32 + Math.min(FRAME_HEADER_WORDS, frame.length);
    const message = readControl(quiet, begin, frame.length + 32 - begin);
    assert.equal(message, readControl(loud, begin, frame.length + 32 - begin));
    if (!control.ok) refusals.set(control.reason, (refusals.get(control.reason) ?? 0) + 1);
    if (isAccepted || control.ok) accepted += 1;
  }
  assert.ok(refusals.size > 30, `${refusals.size} names were met`);
  assert.ok(accepted > 0 && accepted < FRAMES / 2, `${accepted} were still valid`);
});

test.run();
