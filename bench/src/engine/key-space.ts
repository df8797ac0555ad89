/**
 * The keys and values of a run: `count` keys of 16 bytes that are put in one seeded order, and keys like
 * them that are never put.
 *
 * Invariants:
 *   KS1 `nth` meets each of the first `count` keys once, and no key is both there and a stranger
 */
import type { EngineKey } from './engine-peer.ts';

/** Prime: its multiples meet every number below any count that is no multiple of it. */
const STRIDE = 2_654_435_761;
/** Bytes of all values together: too many to meet twice in a block. */
const VALUE_POOL_BYTES = 2 * 1024 * 1024;

export class KeySpace {
  readonly count: number;
  /** Half noise, then the same bytes again: whoever looks for repetitions makes them half as large. */
  readonly values: readonly Uint8Array[];
  readonly #stride: number;

  /** `values`: those of another run, which must be of that size. */
  constructor(count: number, valueBytes: number, values?: readonly Uint8Array[]) {
    this.count = count;
    this.#stride = STRIDE % count;
    const kinds = Math.floor(VALUE_POOL_BYTES / valueBytes);
    this.values = values ?? Array.from({ length: kinds }, (_, kind) => valueOf(kind, valueBytes));
  }

  /** The number of the key that is put as the `place`th. [KS1] */
  nth(place: number): number {
    return (place * this.#stride) % this.count;
  }

  writeKey(key: EngineKey, number: number): void {
    const { words } = key;
    words[0] = mix(number);
    words[1] = number;
    words[2] = mix(number ^ 0x5bd1e995);
    words[3] = 0x636b;
  }

  /** [KS1] */
  writeStranger(key: EngineKey, number: number): void {
    this.writeKey(key, number);
    key.words[3] = 0x636c;
  }

  valueOf(number: number): Uint8Array {
    return this.values[number % this.values.length]!;
  }
}

function valueOf(kind: number, byteCount: number): Uint8Array {
  const value = Buffer.alloc(byteCount);
  const half = Math.ceil(byteCount / 2);
  for (let at = 0; at < half; at += 1) value[at] = mix(kind * half + at + 0x9e3779b9) & 0xff;
  value.copyWithin(half, 0);
  return value;
}

/** murmur3's final mix: a bijection of 32 bits. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}
