/**
 * Digest: 64 bits over a run of words, to tell whether two runs of a core did the same. It finds
 * accidents, not forgeries.
 */

/** Odd constants of xxHash32 and murmur3. */
const PRIME_LOW = 0x9e3779b1;
const PRIME_HIGH = 0x85ebca6b;

export class Digest {
  low = 0;
  high = 0;
  readonly #float: Float64Array = new Float64Array(1);
  readonly #halves: Int32Array = new Int32Array(this.#float.buffer);

  reset(): void {
    this.low = 0;
    this.high = 0;
  }

  word(word: number): void {
    const low = Math.imul(this.low ^ word, PRIME_LOW);
    this.low = low ^ (low >>> 15);
    const high = (this.high << 13) | (this.high >>> 19);
    this.high = Math.imul(high ^ word, PRIME_HIGH);
  }

  words(words: Int32Array, from: number, to: number): void {
    let { low, high } = this;
    for (let index = from; index < to; index += 1) {
      const word = words[index]!;
      low = Math.imul(low ^ word, PRIME_LOW);
      low ^= low >>> 15;
      high = Math.imul(((high << 13) | (high >>> 19)) ^ word, PRIME_HIGH);
    }
    this.low = low;
    this.high = high;
  }

  /** By its bits: 0 and -0 differ. */
  number(value: number): void {
    this.#float[0] = value;
    this.word(this.#halves[0]!);
    this.word(this.#halves[1]!);
  }

  bytes(bytes: Uint8Array): void {
    this.word(bytes.length);
    for (let index = 0; index < bytes.length; index += 1) this.word(bytes[index]!);
  }

  text(text: string): void {
    this.word(text.length);
    for (let index = 0; index < text.length; index += 1) this.word(text.charCodeAt(index));
  }
}
