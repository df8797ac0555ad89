/** What there is to say of one file of a store, and what in it is damaged: text for people. */
import type { BlockCodecs } from './block-codec.ts';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskError } from './disk.ts';
import type { StoreFile } from './file-names.ts';

export interface VerifyTools {
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
}

export interface FileExplanation {
  readonly name: string;
  /** `foreign`: no name of a store's. */
  readonly kind: StoreFile['kind'] | 'foreign';
  /** Of the format; 0: it has none, or it cannot be told. */
  readonly version: number;
  readonly byteCount: number;
  readonly rows: readonly (readonly [title: string, text: string])[];
  /** A line for each damage: where it is, what it is, and what it means to whoever reads. */
  readonly faults: readonly string[];
}

/** What a file is read through, and how much of it. */
export interface FileToExplain {
  readonly disk: Disk;
  readonly name: string;
  readonly tools: VerifyTools;
  /** All of it is read and checked, blocks and groups too; else what says what the file is. */
  readonly isWhole: boolean;
}

/** An error of the disk is a fault too: nobody knows what stands there. */
export function unreadable(name: string, error: DiskError): string {
  return `${name}: cannot be read (${error.code}, ${error.detail})`;
}

export function storeIdText(low: number, high: number): string {
  return tokenText(high, low);
}

/** Sixteen hexadecimal digits, most significant first: as `store dump --from` takes them. */
export function tokenText(high: number, low: number): string {
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
