/**
 * A rolling hash of all that happened in a run: every step's inputs and the state after it. Equal
 * seeds give equal hashes, bit for bit.
 *
 * Invariants:
 *   TH1 the hash depends on the values and their order, and on nothing else (no addresses, no clock)
 */
import { assert } from '@clockwise/kernel/assert';

const PRIME = 0x01000193;
const HIGH_PRIME = 0x85ebca6b;
/** The 64 bits of a number that is no word; NaN has many, and none is put here. */
const FLOAT = new Float64Array(1);
const FLOAT_WORDS = new Int32Array(FLOAT.buffer);

export class TraceHash {
  #low = 0x811c9dc5 | 0;
  #high = 0x9e3779b9 | 0;
  count = 0;
  readonly #names: Map<string, number> = new Map();

  /** One 32-bit word. */
  word(value: number): void {
    this.#low = Math.imul(this.#low ^ (value | 0), PRIME);
    this.#high = Math.imul(this.#high ^ (this.#low >>> 15) ^ (value | 0), HIGH_PRIME);
    this.count += 1;
  }

  number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) <= 0x7fffffff) {
      this.word(value);
      return;
    }
    FLOAT[0] = value;
    this.word(FLOAT_WORDS[0]!);
    this.word(FLOAT_WORDS[1]!);
  }

  text(value: string): void {
    this.word(value.length);
    for (let index = 0; index < value.length; index += 1) this.word(value.charCodeAt(index));
  }

  words(words: Int32Array, offset: number, wordCount: number): void {
    this.word(wordCount);
    // As `word` does it, in variables: nearly all that is hashed are the words of frames.
    let low = this.#low;
    let high = this.#high;
    const end = offset + wordCount;
    for (let index = offset; index < end; index += 1) {
      const value = words[index]!;
      low = Math.imul(low ^ value, PRIME);
      high = Math.imul(high ^ (low >>> 15) ^ value, HIGH_PRIME);
    }
    this.#low = low;
    this.#high = high;
    this.count += wordCount;
  }

  /** Plain data, as effects and events are; of shared memory only its size. */
  value(value: unknown, depth: number = 0): void {
    assert(depth < 16, 'values in a trace are shallow');
    if (typeof value === 'number') this.number(value);
    else if (typeof value === 'string') this.text(value);
    else if (typeof value === 'boolean') this.word(value ? 1 : 2);
    else if (typeof value === 'bigint') this.text(value.toString());
    else if (value === undefined || value === null) this.word(3);
    else if (value instanceof Int32Array) this.words(value, 0, value.length);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (value instanceof ArrayBuffer) this.word(value.byteLength);
    else if (Array.isArray(value)) {
      this.word(value.length);
      for (const item of value) this.value(item, depth + 1);
    } else if (typeof value === 'object') this.#object(value, depth);
    else assert(false, `a trace holds data, not a ${typeof value}`);
  }

  /** A word for a text that comes again and again: made once, by its owner. */
  static wordOf(value: string): number {
    const hash = new TraceHash();
    hash.text(value);
    return hash.#low ^ hash.#high;
  }

  /** Sixteen hexadecimal digits. */
  digest(): string {
    const digits = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return digits(this.#high) + digits(this.#low);
  }

  #bytes(bytes: Uint8Array): void {
    this.word(bytes.length);
    for (const byte of bytes) this.word(byte);
  }

  #object(value: object, depth: number): void {
    const isPlain = Object.getPrototypeOf(value) === Object.prototype;
    if (!isPlain && Object.prototype.toString.call(value) === '[object SharedArrayBuffer]') {
      this.word((value as { readonly byteLength: number }).byteLength);
      return;
    }
    const fields = value as Readonly<Record<string, unknown>>;
    for (const name in fields) {
      if (!isPlain && !Object.hasOwn(fields, name)) continue;
      this.word(this.#wordOfName(name));
      this.value(fields[name], depth + 1);
    }
  }

  /** Names of fields are few, and come again and again. */
  #wordOfName(name: string): number {
    let word = this.#names.get(name);
    if (word === undefined) {
      word = TraceHash.wordOf(name);
      this.#names.set(name, word);
    }
    return word;
  }
}
