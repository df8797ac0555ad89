/**
 * Where one block after the other is read to, as it stands in its file: room with its views, so that a
 * read makes none. In front of the block two words are free: with them the checksum of what it is bound
 * to and of all it holds is one call.
 *
 * data plane
 */
import type { Checksum } from './checksum.ts';
import { BLOCK } from './sstable-format.ts';

/** The word at which the block's header stands. */
const AT = 2;

export class BlockRoom {
  readonly at: number = AT;
  words: Int32Array;
  bytes: Uint8Array;
  /** By their length in units of 8 bytes: to read a block to, and to take its checksum of. */
  #readViews: (Uint8Array | undefined)[] = [];
  #sumViews: (Uint8Array | undefined)[] = [];

  constructor(blockBytes: number) {
    this.words = new Int32Array(AT + blockBytes / 4);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /** The bytes of a block of so many, its header included. What stood there before is gone. */
  viewFor(byteCount: number): Uint8Array {
    if (this.words.length - AT < byteCount / 4) {
      this.words = new Int32Array(AT + byteCount / 4);
      this.bytes = new Uint8Array(this.words.buffer);
      this.#readViews = [];
      this.#sumViews = [];
    }
    return (this.#readViews[byteCount / 8] ??= new Uint8Array(
      this.words.buffer,
      AT * 4,
      byteCount,
    ));
  }

  /**
   * The checksum of the block, as BlockChecksum (sstable-format.ts) has it: of place, header and what
   * follows. The words in front of its own place in the header move over it for as long as that takes.
   * REQUIRES: `byteCount` is the block's, and at least its header's.
   */
  checksum(checksum: Checksum, byteCount: number, fileNumber: number, offsetUnits: number): number {
    const { words } = this;
    const found = words[AT + BLOCK.checksum]!;
    const stored = words[AT]!;
    const raw = words[AT + 1]!;
    words[AT + 3] = words[AT + 2]!;
    words[AT + 2] = raw;
    words[AT + 1] = stored;
    words[AT] = offsetUnits;
    words[AT - 1] = fileNumber;
    const view = (this.#sumViews[byteCount / 8] ??= new Uint8Array(
      words.buffer,
      (AT - 1) * 4,
      byteCount + 4,
    ));
    const sum = checksum(view, 0) | 0;
    words[AT] = stored;
    words[AT + 1] = raw;
    words[AT + 2] = words[AT + 3]!;
    words[AT + BLOCK.checksum] = found;
    return sum;
  }
}
