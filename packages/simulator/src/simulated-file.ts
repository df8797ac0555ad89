/**
 * One file of the simulated disk: what is durable, what readers see, and the writes between the two;
 * and what the medium does to writes and sectors behind everybody's back.
 *
 * Invariants:
 *   SF1 replaying all unsynced writes over the durable image gives the visible one, unless a sync
 *       failed, or the medium lied
 *   SF2 bytes of a synced write change only by a later write, or by a fault of the medium
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import { tearPages, tearPrefix } from './torn-write.ts';
import type { ByteArena } from './word-arena.ts';

const PAGE_BYTES = 4096;
export const SECTOR_BYTES = 512;
/** Writes back to which a stale read may go. */
const PREVIOUS_MAX = 8;
const NO_BYTES = new Uint8Array(0);
/** Up to here an image grows fourfold: most of a file's growth is copying what it had. */
const GROWN_FAST_BYTES = 1 << 17;

/**
 * What the medium makes of a write that it calls done. lost: the sectors keep what they had. torn: some
 * of them do. misdirected: they go to `file` from `position` on, as far as that file reaches.
 */
export type WriteFate =
  | { readonly kind: 'lost' }
  | { readonly kind: 'torn'; readonly keptSectors: readonly boolean[] }
  | { readonly kind: 'misdirected'; readonly file: SimulatedFile; readonly position: number };

/** How a crash treats what was not synced; see CrashModel. */
export type FileCrash = 'drop' | 'keep' | 'prefix' | 'subset' | 'torn';

/** What a failed sync leaves: whether readers go on seeing what was written, and what reached the disk. */
export interface FailedSync {
  readonly pages: 'new' | 'old';
  readonly medium: 'none' | 'some' | 'all';
}

interface PendingWrite {
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly fate: WriteFate | undefined;
}

/** What stood there; behind `bytes` there was nothing yet, which reads as zeros. */
interface OverwrittenBytes {
  readonly position: number;
  readonly byteCount: number;
  readonly bytes: Uint8Array;
}

/** Bytes that grow as they are written. */
class Image {
  /** At least `size` bytes; beyond, rubbish that nobody reads. */
  bytes: Uint8Array = new Uint8Array(0);
  size = 0;

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.growTo(position + bytes.length);
    this.bytes.set(bytes, position);
  }

  /** New bytes are zero. */
  growTo(size: number): void {
    if (size <= this.size) return;
    if (size > this.bytes.length) {
      const { length } = this.bytes;
      const factor = length < GROWN_FAST_BYTES ? 4 : 2;
      const grown = new Uint8Array(Math.max(size, length * factor, PAGE_BYTES));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    }
    this.size = size;
  }

  copy(): Image {
    const copy = new Image();
    copy.write(this.bytes.subarray(0, this.size), 0);
    return copy;
  }
}

export class SimulatedFile {
  #visible = new Image();
  #durable = new Image();
  #pending: PendingWrite[] = [];
  /** What the last writes overwrote, newest last: what a stale read sees. */
  #previous: OverwrittenBytes[] = [];
  /** Numbers of sectors that cannot be read until they are written again. */
  readonly #badSectors: Set<number> = new Set();
  readonly #arena: ByteArena;

  /** `arena`: of the disk. */
  constructor(arena: ByteArena) {
    this.#arena = arena;
  }

  get size(): number {
    return this.#visible.size;
  }
  /** What readers see, borrowed; rubbish behind `size`. */
  get visible(): Uint8Array {
    return this.#visible.bytes;
  }

  /** The bytes are the file's from here on: nobody changes them. */
  write(bytes: Uint8Array, position: number, fate?: WriteFate): void {
    if (bytes.length === 0) return;
    this.#pending.push({ position, bytes, fate });
    this.#remember(position, bytes.length);
    this.#visible.write(bytes, position);
    if (this.#badSectors.size > 0) this.#mendSectors(position, bytes.length);
  }

  /**
   * Fills `bytes` from `position` on as far as the file and its sectors reach; -1: the first of them
   * cannot be read. `isStale`: as it was before the last write that touched these bytes.
   */
  read(bytes: Uint8Array, position: number, isStale = false): number {
    const wanted = Math.max(0, Math.min(bytes.length, this.size - position));
    const count = this.#readable(position, wanted);
    if (count < 0) return -1;
    bytes.set(this.#visible.bytes.subarray(position, position + count));
    if (isStale) this.#goBack(bytes.subarray(0, count), position);
    return count;
  }

  /** Only what is pending: a page that a failed sync called clean is never written. */
  sync(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const write of pending) this.#reach(write);
  }

  /** The page cache is dropped: readers see what the medium holds. REQUIRES: nothing is pending. */
  evict(): void {
    assert(this.#pending.length === 0, 'only clean pages are dropped');
    this.#visible = this.#durable.copy();
  }

  /** A failed sync: the pages count as clean, whatever they hold and whatever reached the disk. */
  failSync({ pages, medium }: FailedSync, prng: Prng): void {
    if (medium === 'all') this.sync();
    else if (medium === 'some') this.crash('subset', prng, true);
    this.#pending = [];
    if (pages === 'old') this.#visible = this.#durable.copy();
  }

  /** `halfWay`: a crash within a sync; what survives becomes durable and the rest stays pending. */
  crash(model: FileCrash, prng: Prng, halfWay = false): void {
    switch (model) {
      case 'drop':
        break;
      case 'keep':
        this.sync();
        break;
      case 'prefix':
      case 'torn':
        this.#keepPrefix(prng, model === 'torn');
        break;
      case 'subset':
        this.#keepSubset(prng);
        break;
      default:
        unreachable(model);
    }
    if (halfWay) return;
    this.#pending = [];
    this.#previous = [];
    this.#visible = this.#durable.copy();
  }

  /** Rot: the byte changes on the medium, and in the cache. */
  corrupt(position: number, byte: number): void {
    assert(position < this.size, 'there is a byte to corrupt');
    this.#visible.bytes[position] = byte;
    if (position < this.#durable.size) this.#durable.bytes[position] = byte;
  }

  /** The sector of this byte cannot be read until it is written again. */
  loseSector(position: number): void {
    assert(position < this.size, 'there is a sector to lose');
    this.#badSectors.add(Math.floor(position / SECTOR_BYTES));
  }

  /** All bytes go, durably. */
  truncate(): void {
    this.#visible = new Image();
    this.#durable = new Image();
    this.#pending = [];
    this.#previous = [];
    this.#badSectors.clear();
  }

  /** What a copy of the medium holds. */
  durableCopy(): SimulatedFile {
    const copy = new SimulatedFile(this.#arena);
    copy.#durable = this.#durable.copy();
    copy.#visible = this.#durable.copy();
    for (const sector of this.#badSectors) copy.#badSectors.add(sector);
    return copy;
  }

  /** Bytes that came from a write to somewhere else. */
  receive(bytes: Uint8Array, position: number): void {
    const fitting = bytes.subarray(0, Math.max(0, this.#durable.size - position));
    this.#durable.write(fitting, position);
    this.#visible.write(fitting, position);
  }

  /** A write arrives at the medium, as it fares. The size is another place's affair: it always grows. */
  #reach({ position, bytes, fate }: PendingWrite): void {
    if (fate === undefined) {
      this.#durable.write(bytes, position);
      return;
    }
    this.#durable.growTo(position + bytes.length);
    switch (fate.kind) {
      case 'lost':
        return;
      case 'torn':
        for (const [sector, isKept] of fate.keptSectors.entries()) {
          const from = sector * SECTOR_BYTES;
          if (!isKept) continue;
          this.#durable.write(bytes.subarray(from, from + SECTOR_BYTES), position + from);
        }
        return;
      case 'misdirected':
        fate.file.receive(bytes, fate.position);
        return;
      default:
        unreachable(fate);
    }
  }

  #remember(position: number, byteCount: number): void {
    const end = Math.min(position + byteCount, this.#visible.size);
    let bytes: Uint8Array = NO_BYTES;
    if (end > position) {
      bytes = this.#arena.take(end - position);
      bytes.set(this.#visible.bytes.subarray(position, end));
    }
    this.#previous.push({ position, byteCount, bytes });
    if (this.#previous.length > PREVIOUS_MAX) this.#previous.shift();
  }

  #goBack(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    const last = this.#previous.findLast(
      (write) => write.position < end && write.position + write.byteCount > position,
    );
    if (last === undefined) return;
    const from = Math.max(position, last.position);
    const to = Math.min(end, last.position + last.byteCount);
    bytes.fill(0, from - position, to - position);
    bytes.set(last.bytes.subarray(from - last.position, to - last.position), from - position);
  }

  /** How many of the bytes come before the first sector that cannot be read. */
  #readable(position: number, byteCount: number): number {
    if (this.#badSectors.size === 0 || byteCount === 0) return byteCount;
    for (let at = position; at < position + byteCount; at += SECTOR_BYTES - (at % SECTOR_BYTES)) {
      if (!this.#badSectors.has(Math.floor(at / SECTOR_BYTES))) continue;
      return at === position ? -1 : at - position;
    }
    return byteCount;
  }

  #mendSectors(position: number, byteCount: number): void {
    const last = Math.floor((position + byteCount - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector <= last; sector += 1) {
      this.#badSectors.delete(sector);
    }
  }

  #keepPrefix(prng: Prng, isTorn: boolean): void {
    const kept = prng.below(this.#pending.length + 1);
    for (const write of this.#pending.slice(0, kept)) this.#reach(write);
    const last = this.#pending[kept];
    if (last === undefined || last.fate !== undefined) return;
    const tear = isTorn ? tearPages : tearPrefix;
    for (const { from, bytes } of tear(last.bytes, prng)) {
      this.#durable.write(bytes, last.position + from);
    }
  }

  #keepSubset(prng: Prng): void {
    for (const { position, bytes, fate } of this.#pending) {
      for (let from = 0; from < bytes.length;) {
        const step = Math.min(PAGE_BYTES - ((position + from) % PAGE_BYTES), bytes.length - from);
        if (prng.chance(0.5) && fate === undefined)
          this.#durable.write(bytes.subarray(from, from + step), position + from);
        from += step;
      }
    }
  }
}
