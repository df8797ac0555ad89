/**
 * Plain data as bytes: what threads of a node tell each other and what their cores are built from.
 * One value has one encoding, whatever the engine makes of it inside, so that encodings of equal
 * values can be compared; the platform's own serializer promises that to nobody.
 *
 *     kind (1 byte) | length or count (4 bytes) where there is one | content
 *
 * Boundary: values without behaviour. A function, a symbol or an unknown kind of view is an assert.
 *
 * Invariants:
 *   VC1 what was encoded decodes to an equal value; properties keep their order
 *   VC2 a view of shared memory is encoded by its length alone: it names memory that is not copied
 */
import { assert } from '@clockwise/kernel/assert';

const KIND = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  number: 4,
  text: 5,
  bigint: 6,
  list: 7,
  object: 8,
  map: 9,
  bytes: 10,
  words: 11,
  sharedView: 12,
} as const;

/** Values are shallow: messages, rings, manifests. */
const DEPTH_MAX = 32;
const FIRST_BYTES = 4096;

export function encodeValue(value: unknown): Uint8Array {
  const encoder = new ValueEncoder();
  encoder.value(value, 0);
  return encoder.bytes();
}

/** REQUIRES: `bytes` are what `encodeValue` gave; whoever stores them checks them. */
export function decodeValue(bytes: Uint8Array): unknown {
  const decoder = new ValueDecoder(bytes);
  const value = decoder.value(0);
  assert(decoder.isAtEnd(), 'an encoded value has no more bytes than it says');
  return value;
}

class ValueEncoder {
  #buffer = Buffer.alloc(FIRST_BYTES);
  #end = 0;

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#end);
  }

  value(value: unknown, depth: number): void {
    assert(depth <= DEPTH_MAX, 'plain data is shallow');
    switch (typeof value) {
      case 'undefined':
        this.#kind(KIND.undefined);
        return;
      case 'boolean':
        this.#kind(value ? KIND.true : KIND.false);
        return;
      case 'number':
        this.#kind(KIND.number);
        this.#room(8);
        this.#end = this.#buffer.writeDoubleLE(value, this.#end);
        return;
      case 'string':
        this.#kind(KIND.text);
        this.#text(value);
        return;
      case 'bigint':
        this.#kind(KIND.bigint);
        this.#text(String(value));
        return;
      case 'object':
        this.#object(value, depth);
        return;
      default:
        assert(false, `plain data has no ${typeof value}`);
    }
  }

  #object(value: object | null, depth: number): void {
    if (value === null) {
      this.#kind(KIND.null);
    } else if (Array.isArray(value)) {
      this.#kind(KIND.list);
      this.#count(value.length);
      for (const item of value) this.value(item, depth + 1);
    } else if (value instanceof Map) {
      this.#kind(KIND.map);
      this.#count(value.size);
      for (const [key, item] of value) {
        this.value(key, depth + 1);
        this.value(item, depth + 1);
      }
    } else if (ArrayBuffer.isView(value)) {
      this.#view(value);
    } else {
      const entries = Object.entries(value);
      this.#kind(KIND.object);
      this.#count(entries.length);
      for (const [key, item] of entries) {
        this.#text(key);
        this.value(item, depth + 1);
      }
    }
  }

  #view(view: ArrayBufferView): void {
    const isShared = view.buffer instanceof SharedArrayBuffer;
    const isWords = view instanceof Int32Array;
    assert(isWords || view instanceof Uint8Array, 'plain data has bytes and words');
    if (isShared) this.#kind(KIND.sharedView);
    else this.#kind(isWords ? KIND.words : KIND.bytes);
    this.#count(view.byteLength);
    if (isShared) return;
    this.#room(view.byteLength);
    this.#buffer.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), this.#end);
    this.#end += view.byteLength;
  }

  #text(text: string): void {
    this.#count(text.length);
    this.#room(text.length * 2);
    this.#end += this.#buffer.write(text, this.#end, 'utf16le');
  }

  #kind(kind: number): void {
    this.#room(1);
    this.#end = this.#buffer.writeUInt8(kind, this.#end);
  }

  #count(count: number): void {
    this.#room(4);
    this.#end = this.#buffer.writeUInt32LE(count, this.#end);
  }

  #room(byteCount: number): void {
    if (this.#end + byteCount <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#end + byteCount));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

class ValueDecoder {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  isAtEnd(): boolean {
    return this.#at === this.#buffer.length;
  }

  value(depth: number): unknown {
    assert(depth <= DEPTH_MAX, 'plain data is shallow');
    const kind = this.#buffer.readUInt8(this.#at);
    this.#at += 1;
    switch (kind) {
      case KIND.undefined:
        return undefined;
      case KIND.null:
        return null;
      case KIND.false:
        return false;
      case KIND.true:
        return true;
      case KIND.number:
        return this.#number();
      case KIND.text:
        return this.#text();
      case KIND.bigint:
        return BigInt(this.#text());
      case KIND.list:
        return Array.from({ length: this.#count() }, () => this.value(depth + 1));
      case KIND.object:
        return this.#object(depth);
      case KIND.map:
        return this.#map(depth);
      case KIND.bytes:
        return new Uint8Array(this.#copy(this.#count()));
      case KIND.words:
        return new Int32Array(this.#copy(this.#count()));
      default:
        return assert(false, `an encoded value is of a known kind, not ${kind}`);
    }
  }

  #number(): number {
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  #text(): string {
    const from = this.#at + 4;
    this.#at = from + this.#count() * 2;
    return this.#buffer.toString('utf16le', from, this.#at);
  }

  #object(depth: number): object {
    const object: Record<string, unknown> = {};
    for (let left = this.#count(); left > 0; left -= 1) {
      const key = this.#text();
      const value = this.value(depth + 1);
      Object.defineProperty(object, key, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return object;
  }

  #map(depth: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>();
    for (let left = this.#count(); left > 0; left -= 1) {
      const key = this.value(depth + 1);
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  #count(): number {
    const count = this.#buffer.readUInt32LE(this.#at);
    this.#at += 4;
    return count;
  }

  #copy(byteCount: number): ArrayBuffer {
    const copy = new ArrayBuffer(byteCount);
    new Uint8Array(copy).set(this.#buffer.subarray(this.#at, this.#at + byteCount));
    this.#at += byteCount;
    return copy;
  }
}
