/**
 * Lines out of chunks of bytes, cut anywhere. Memory is bounded by the longest line allowed: of a
 * longer one the beginning is kept, and the rest is passed over.
 *
 * Invariants:
 *   LN1 lines are the same, whatever the chunks
 *   LN2 at most `lineBytesMax` bytes are held, and a line that is too long does not touch the next
 */

/** What tells a person which line it was. */
const HEAD_BYTES = 120;
const LINE_FEED = 10;

export type Line =
  | {
      readonly kind: 'text';
      readonly number: number;
      readonly text: string;
      readonly bytes: number;
    }
  | {
      readonly kind: 'unusable';
      readonly number: number;
      readonly reason: string;
      readonly head: string;
      readonly bytes: number;
    };

/** Every line with something in it; numbers count from 1, empty lines too. */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<Line, void, void> {
  const splitter = new LineSplitter(lineBytesMax);
  for await (const chunk of source) yield* splitter.push(chunk);
  yield* splitter.end();
}

export class LineSplitter {
  readonly #lineBytesMax: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #pieces: Uint8Array[] = [];
  #held = 0;
  #byteCount = 0;
  #number = 1;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  *push(chunk: Uint8Array): Generator<Line, void, void> {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end < 0) break;
      this.#hold(chunk.subarray(from, end));
      yield* this.#finish();
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
  }

  /** The last line, which may end without a line feed. */
  *end(): Generator<Line, void, void> {
    yield* this.#finish();
  }

  /** [LN2] Beyond the limit only the beginning is kept. */
  #hold(piece: Uint8Array): void {
    this.#byteCount += piece.length;
    const room = this.#lineBytesMax - this.#held;
    if (piece.length === 0 || room <= 0) return;
    const kept = piece.length <= room ? piece : piece.subarray(0, room);
    this.#pieces.push(kept);
    this.#held += kept.length;
  }

  *#finish(): Generator<Line, void, void> {
    const bytes = this.#byteCount;
    const held = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    const number = this.#number;
    this.#pieces = [];
    this.#held = 0;
    this.#byteCount = 0;
    this.#number += 1;
    if (held !== undefined && bytes > 0) yield this.#lineOf(held, number, bytes);
  }

  #lineOf(held: Uint8Array, number: number, bytes: number): Line {
    const unusable = (reason: string): Line => {
      const head = Buffer.from(held.subarray(0, HEAD_BYTES)).toString('utf8');
      return { kind: 'unusable', number, reason, head, bytes };
    };
    if (bytes > this.#lineBytesMax) return unusable(`longer than ${this.#lineBytesMax} bytes`);
    try {
      return { kind: 'text', number, text: this.#decoder.decode(held), bytes };
    } catch {
      return unusable('no UTF-8');
    }
  }
}
