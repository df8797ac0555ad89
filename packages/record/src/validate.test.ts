/** Records of every shape pass; each single damage is found, and nothing outside is read. */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeRecord, encodeRecord } from './build.ts';
import type { RecordObject, SiblingObject } from './build.ts';
import { HEADER } from './layout.ts';
import { paddingIsZero, RECORD_FAULT, recordLimits, validateRecord } from './validate.ts';

const LIMITS = recordLimits(DEFAULT_LIMITS);

function bytes(random: Prng, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => 1 + random.below(255));
}
function wide(random: Prng): bigint {
  return (BigInt(random.word() >>> 0) << 32n) | BigInt(random.word() >>> 0);
}

function randomRecord(random: Prng): RecordObject {
  const actors = Array.from({ length: random.between(1, 4) }, () => wide(random));
  const context = actors.map((incarnation) => ({ incarnation, counter: wide(random) | 7n }));
  const siblings: SiblingObject[] = [];
  for (const { incarnation } of context) {
    for (let counter = 1n; counter <= BigInt(random.between(0, 2)); counter += 1n) {
      const tombstone = random.chance(0.3);
      siblings.push({
        dot: { incarnation, counter },
        operation: { session: wide(random), sequence: random.word() >>> 0 },
        tombstone,
        codec: tombstone ? 0 : random.below(3),
        expirySeconds: random.word() >>> 0,
        hybrid: wide(random),
        value: bytes(random, tombstone ? 0 : random.below(40)),
      });
    }
  }
  if (siblings.length === 0) return randomRecord(random);
  const recents = Array.from({ length: random.below(4) }, () => ({
    operation: { session: wide(random) | 1n, sequence: random.word() >>> 0 },
    seconds: random.word() >>> 0,
    dot: { incarnation: wide(random), counter: wide(random) },
  }));
  const key = bytes(random, random.between(1, 20));
  return {
    bucketId: random.below(1024),
    token: wide(random),
    key,
    replicationClass: 2,
    context,
    siblings,
    recents,
  };
}

test('[RV2] [RB1] [RB2] what is built passes, and decodes to what it was', () => {
  const random = new Prng('records');
  for (let round = 0; round < 500; round += 1) {
    const words = encodeRecord(randomRecord(random));
    assert.is(validateRecord(words, 0, words.length, LIMITS), RECORD_FAULT.none);
    assert.equal(encodeRecord(decodeRecord(words, 0)), words);
    const moved = new Int32Array(words.length + 7).fill(-1);
    moved.set(words, 5);
    assert.is(validateRecord(moved, 5, words.length, LIMITS), RECORD_FAULT.none);
    assert.equal(decodeRecord(moved, 5), decodeRecord(words, 0));
  }
});

test('[RV1] nothing beyond the words available is read, whatever the words say', () => {
  const random = new Prng('damage');
  for (let round = 0; round < 3000; round += 1) {
    const words = encodeRecord(randomRecord(random));
    for (let damage = random.between(1, 3); damage > 0; damage -= 1) {
      words[random.below(Math.min(words.length, random.chance(0.7) ? 9 : words.length))] =
        random.pick([random.word(), random.below(64) * 2, random.below(0x10000), -1]);
    }
    const available = random.chance(0.5) ? words.length : random.below(words.length + 1);
    const guarded = new Proxy(words, {
      get(target, name): unknown {
        const index = Number(String(name));
        assert.ok(
          Number.isInteger(index) && index >= 0 && index < available,
          `read at ${String(name)}`,
        );
        return target[index];
      },
    });
    const fault = validateRecord(guarded, 0, available, LIMITS);
    if (fault !== 0) continue;
    const whole = words.slice(0, words[HEADER.wordCount]);
    assert.equal(encodeRecord(decodeRecord(whole, 0)), whole, '[RV2] what passes has one encoding');
  }
});

interface Damage {
  readonly name: string;
  readonly fault: number;
  readonly change: (record: RecordObject) => RecordObject;
  readonly words?: (words: Int32Array) => void;
}

const BASE: RecordObject = {
  bucketId: 3,
  token: 9n,
  key: new Uint8Array([1, 2, 3]),
  replicationClass: 0,
  context: [
    { incarnation: 5n, counter: 4n },
    { incarnation: 6n, counter: 2n },
  ],
  siblings: [4n, 2n].map((counter) => ({
    dot: { incarnation: 5n, counter },
    operation: { session: 1n, sequence: 1 },
    tombstone: false,
    codec: 0,
    expirySeconds: 0,
    hybrid: 1n,
    value: new Uint8Array([7]),
  })),
  recents: [
    { operation: { session: 1n, sequence: 2 }, seconds: 5, dot: { incarnation: 5n, counter: 1n } },
  ],
};
const same = (record: RecordObject): RecordObject => record;

const DAMAGES: readonly Damage[] = [
  {
    name: 'odd word count',
    fault: RECORD_FAULT.wordCount,
    change: same,
    words: (words) => (words[0]! -= 1),
  },
  {
    name: 'more words than there are',
    fault: RECORD_FAULT.truncated,
    change: same,
    words: (words) => (words[0]! += 2),
  },
  {
    name: 'fewer words than it needs',
    fault: RECORD_FAULT.wordCount,
    change: same,
    words: (words) => (words[0]! -= 2),
  },
  {
    name: 'an unknown kind',
    fault: RECORD_FAULT.kind,
    change: same,
    words: (words) => (words[1]! ^= 4),
  },
  {
    name: 'a tombstone with a value among its siblings',
    fault: RECORD_FAULT.kind,
    change: same,
    words: (words) => (words[1]! ^= 2),
  },
  {
    name: 'another layout',
    fault: RECORD_FAULT.kind,
    change: same,
    words: (words) => (words[1]! += 1 << 24),
  },
  {
    name: 'unknown flags',
    fault: RECORD_FAULT.header,
    change: same,
    words: (words) => (words[1]! |= 1 << 8),
  },
  {
    name: 'a reserved word',
    fault: RECORD_FAULT.header,
    change: same,
    words: (words) => (words[7] = 1),
  },
  {
    name: 'an empty key',
    fault: RECORD_FAULT.key,
    change: (record) => ({ ...record, key: new Uint8Array(0) }),
  },
  {
    name: 'a key too long',
    fault: RECORD_FAULT.key,
    change: (record) => ({ ...record, key: new Uint8Array(1025) }),
  },
  {
    name: 'padding behind the key',
    fault: RECORD_FAULT.padding,
    change: same,
    words: (words) => (words[8]! |= 1 << 24),
  },
  {
    name: 'padding in the last word',
    fault: RECORD_FAULT.padding,
    change: same,
    words: (words) => (words[9] = 1),
  },
  {
    name: 'no context',
    fault: RECORD_FAULT.limit,
    change: (record) => ({ ...record, context: [] }),
  },
  {
    name: 'a counter of zero',
    fault: RECORD_FAULT.context,
    change: same,
    words: (words) => (words[16] = 0),
  },
  {
    name: 'entries out of order',
    fault: RECORD_FAULT.context,
    change: same,
    words: (words) => (words[14] = 5),
  },
  {
    name: 'no siblings',
    fault: RECORD_FAULT.limit,
    change: (record) => ({ ...record, siblings: [] }),
  },
  {
    name: 'an uncovered sibling',
    fault: RECORD_FAULT.siblingNotCovered,
    change: same,
    words: (words) => (words[36] = 5),
  },
  {
    name: 'siblings out of order',
    fault: RECORD_FAULT.siblingOrder,
    change: same,
    words: (words) => (words[36] = 2),
  },
  {
    name: 'an unknown flag of a sibling',
    fault: RECORD_FAULT.sibling,
    change: same,
    words: (words) => (words[18] = 2),
  },
  {
    name: 'a tombstone with a value',
    fault: RECORD_FAULT.sibling,
    change: same,
    words: (words) => (words[18] = 1),
  },
  {
    name: 'a negative length',
    fault: RECORD_FAULT.limit,
    change: same,
    words: (words) => (words[19] = -1),
  },
  {
    name: 'a length into the recents',
    fault: RECORD_FAULT.wordCount,
    change: same,
    words: (words) => (words[19] = 500),
  },
  {
    name: 'padding behind a value',
    fault: RECORD_FAULT.padding,
    change: same,
    words: (words) => (words[31] = 1),
  },
  {
    name: 'a recent of no session',
    fault: RECORD_FAULT.recents,
    change: same,
    words: (words) => (words[words.length - 8] = 0),
  },
  {
    name: 'recents that are equal',
    fault: RECORD_FAULT.recents,
    change: (record) => ({ ...record, recents: [...record.recents, ...record.recents] }),
  },
];

test('[RV2] [RV3] the base of the damages passes', () => {
  const words = encodeRecord(BASE);
  assert.is(validateRecord(words, 0, words.length, LIMITS), 0);
});
for (const { name, fault, change, words: damage } of DAMAGES) {
  test(`[RV2] [RV3] refused: ${name}`, () => {
    const words = encodeRecord(change(BASE));
    const available = words.length;
    damage?.(words);
    assert.is(validateRecord(words, 0, available, LIMITS), fault);
  });
}

test('[RV2] each spare byte counts, each used byte does not', () => {
  for (let count = 0; count <= 17; count += 1) {
    const size = ((count + 7) >> 3) * 8;
    for (let at = 0; at < size; at += 1) {
      const words = new Int32Array(size / 4);
      new Uint8Array(words.buffer)[at] = 0x80;
      assert.is(paddingIsZero(words, 0, count), at < count, `${count} bytes, byte ${at}`);
    }
  }
});

test.run();
