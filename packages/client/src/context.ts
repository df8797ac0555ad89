/**
 * What a reader has seen of an object: the version vector that comes with every answer. Handed back
 * with a put or delete, it says what is being replaced. Opaque to users; a text form travels through
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

  /** REQUIRES: whole entries in the order of the wire. */
  constructor(words: readonly number[]) {
    this.#words = words;
  }

  get words(): readonly number[] {
    return this.#words;
  }

  get entryCount(): number {
    return this.#words.length / ENTRY_WORDS;
  }

  toString(): string {
    return this.#words.map((word) => (word >>> 0).toString(16).padStart(HEX_DIGITS, '0')).join('');
  }

  toJSON(): string {
    return this.toString();
  }

  static parse(text: string): Context {
    if (!/^(?:[0-9a-f]{32})*$/.test(text)) throw badRequest('this is not the text of a context');
    const words: number[] = [];
    for (let from = 0; from < text.length; from += HEX_DIGITS) {
      words.push(Number.parseInt(text.slice(from, from + HEX_DIGITS), 16) | 0);
    }
    return new Context(words);
  }
}
