/**
 * What a reader has seen of an object: the version vector that comes with every answer, and the highest
 * hybrid time of what it covers. Handed back with a put or delete, by whichever process, it says what
 * is being replaced, and that the write is later. Opaque to users; a text form travels through
 * pages, headers and command lines.
 *
 * Invariants:
 *   CX1 the text form reads back equal, and anything else is refused
 */
import { ENTRY_WORDS } from '@clockwise/protocol/response-body';
import { badRequest } from './errors.ts';

const HEX_DIGITS = 8;

export class Context {
  /** Entries of four words each, as on the wire. */
  readonly #words: readonly number[];
  /** Hybrid time; both 0: not known. */
  readonly timeLow: number;
  readonly timeHigh: number;

  /** REQUIRES: whole entries in the order of the wire. */
  constructor(words: readonly number[], timeLow: number = 0, timeHigh: number = 0) {
    this.#words = words;
    this.timeLow = timeLow | 0;
    this.timeHigh = timeHigh | 0;
  }

  get words(): readonly number[] {
    return this.#words;
  }

  get entryCount(): number {
    return this.#words.length / ENTRY_WORDS;
  }

  toString(): string {
    const time = (this.timeLow | this.timeHigh) === 0 ? [] : [this.timeLow, this.timeHigh];
    return [...this.#words, ...time].map(hexOf).join('');
  }

  toJSON(): string {
    return this.toString();
  }

  static parse(text: string): Context {
    if (!/^(?:[0-9a-f]{32})*(?:[0-9a-f]{16})?$/.test(text))
      throw badRequest('this is not the text of a context');
    const words: number[] = [];
    for (let from = 0; from < text.length; from += HEX_DIGITS) {
      words.push(Number.parseInt(text.slice(from, from + HEX_DIGITS), 16) | 0);
    }
    if (words.length % ENTRY_WORDS === 0) return new Context(words);
    const [timeLow, timeHigh] = words.splice(-2);
    return new Context(words, timeLow, timeHigh);
  }
}

function hexOf(word: number): string {
  return (word >>> 0).toString(16).padStart(HEX_DIGITS, '0');
}
