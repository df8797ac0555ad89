/** A run of words that grows at its end, and its reader: what blocks of a recording are made of. */
import { assert } from '@clockwise/kernel/assert';

const FIRST_WORDS = 64 * 1024;

export class WordBuffer {
  words: Int32Array = new Int32Array(FIRST_WORDS);
  end = 0;
  readonly #float: Float64Array = new Float64Array(1);
  readonly #halves: Int32Array = new Int32Array(this.#float.buffer);

  clear(): void {
    this.end = 0;
  }

  /** `wordCount` words of zeros; returns where they begin. */
  skip(wordCount: number): number {
    const from = this.end;
    this.#room(wordCount);
    this.words.fill(0, from, from + wordCount);
    this.end += wordCount;
    return from;
  }

  push(word: number): void {
    this.#room(1);
    this.words[this.end] = word;
    this.end += 1;
  }

  pushNumber(value: number): void {
    const at = this.skip(2);
    this.putNumber(at, value);
  }

  putNumber(at: number, value: number): void {
    this.#float[0] = value;
    this.words[at] = this.#halves[0]!;
    this.words[at + 1] = this.#halves[1]!;
  }

  pushWords(words: Int32Array, from: number, wordCount: number): void {
    this.#room(wordCount);
    this.words.set(words.subarray(from, from + wordCount), this.end);
    this.end += wordCount;
  }

  /** Filled up to whole words; the count is the caller's to keep. */
  pushBytes(bytes: Uint8Array): void {
    const at = this.skip((bytes.length + 3) >> 2);
    new Uint8Array(this.words.buffer).set(bytes, at * 4);
  }

  #room(wordCount: number): void {
    if (this.end + wordCount <= this.words.length) return;
    const larger = new Int32Array(Math.max(this.words.length * 2, this.end + wordCount));
    larger.set(this.words);
    this.words = larger;
  }
}

export class WordReader {
  readonly words: Int32Array;
  at = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  word(): number {
    const word = this.words[this.at];
    assert(word !== undefined, 'a block has the words that it says');
    this.at += 1;
    return word;
  }

  number(): number {
    const pair = this.take(2).slice();
    return new Float64Array(pair.buffer)[0]!;
  }

  /** A view of the next words. */
  take(wordCount: number): Int32Array {
    const from = this.at;
    assert(from + wordCount <= this.words.length, 'a block has the words that it says');
    this.at += wordCount;
    return this.words.subarray(from, from + wordCount);
  }

  takeBytes(byteCount: number): Uint8Array {
    const words = this.take((byteCount + 3) >> 2);
    return new Uint8Array(words.buffer, words.byteOffset, byteCount);
  }
}
