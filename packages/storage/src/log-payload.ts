/**
 * What stands behind a group's header: its records packed (record-pack.ts) or as they stand in memory.
 *
 * Invariants:
 *   LGP1 a payload gives the records of its group, all and in order: as they stand where it is as long as
 *        they are, else packed; a multiple of 8 bytes
 *   LGP2 records that packing would make little shorter are not copied to be packed
 */
import { buggify } from '@clockwise/kernel/buggify';
import { sometimes } from '@clockwise/kernel/probe';
import { PREFIX_WORDS } from '@clockwise/record/layout';
import type { LogRange } from './log-writer.ts';
import { RecordPacker } from './record-pack.ts';
import { bytesOf } from './whole-transfer.ts';

/**
 * Of a record with its prefix, on average: packing takes some 100 bytes from each and costs a copy of all. From
 * here on that is less than an eighth, and the copy costs more than what else is done to the bytes.
 */
export const PACKED_BYTES_MAX = 768;

export class GroupPayload {
  readonly #packer: RecordPacker = new RecordPacker(PREFIX_WORDS);

  /** Of `recordCount` records of `recordBytes` in all. Borrowed until the next call, or from memory. */
  of(ranges: readonly LogRange[], recordBytes: number, recordCount: number): readonly Uint8Array[] {
    // [LGP2]
    const isShort = recordBytes <= recordCount * PACKED_BYTES_MAX;
    const packedWords = isShort ? this.#pack(ranges, recordBytes) : 0;
    const isPacked =
      isShort && packedWords * 4 < recordBytes && !buggify('log: a group as it stands');
    sometimes(!isPacked && recordBytes > 0, 'log: a group is not packed');
    if (isPacked) return [bytesOf(this.#packer.out, 0, packedWords)];
    return ranges.map(({ buffer, fromWord, toWord }) => {
      return new Uint8Array(buffer, fromWord * 4, (toWord - fromWord) * 4);
    });
  }

  /** The words that they take packed, which are even. */
  #pack(ranges: readonly LogRange[], recordBytes: number): number {
    const packer = this.#packer;
    packer.begin(recordBytes / 4);
    for (const { buffer, fromWord, toWord } of ranges) {
      packer.add(new Int32Array(buffer), fromWord, toWord);
    }
    if ((packer.outWords & 1) === 0) return packer.outWords;
    packer.out[packer.outWords] = 0;
    return packer.outWords + 1;
  }
}
