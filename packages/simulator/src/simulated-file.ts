/**
 * One file of the simulated disk: what is durable, what readers see, and the writes between the two.
 *
 * Invariants:
 *   SF1 replaying all unsynced writes over the durable image gives the visible one, unless a sync failed
 *   SF2 bytes of a synced write change only by a later write, or by `corrupt`
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

interface PendingWrite {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** Bytes that grow as they are written. */
class Image {
  /** At least `size` bytes; beyond, rubbish that nobody reads. */
  bytes: Uint8Array = new Uint8Array(0);
  size = 0;

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    }
    this.bytes.set(bytes, position);
    this.size = Math.max(this.size, end);
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

  get size(): number {
    return this.#visible.size;
  }
  /** What readers see, borrowed; rubbish behind `size`. */
  get visible(): Uint8Array {
    return this.#visible.bytes;
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.#pending.push({ position, bytes: bytes.slice() });
    this.#visible.write(bytes, position);
  }

  /** Only what is pending: a page that a failed sync called clean is never written. */
  sync(): void {
    for (const { position, bytes } of this.#pending) this.#durable.write(bytes, position);
    this.#pending = [];
  }

  /** A failed sync: the pages count as clean, whatever they hold. */
  failSync(pages: 'new' | 'old'): void {
    this.#pending = [];
    if (pages === 'old') this.#visible = this.#durable.copy();
  }

  /** `halfWay`: a crash within a sync; what survives becomes durable and the rest stays pending. */
  crash(model: 'drop-all' | 'prefix' | 'subset' | 'torn', prng: Prng, halfWay = false): void {
    const pending = this.#pending;
    switch (model) {
      case 'drop-all':
        break;
      case 'prefix':
      case 'torn':
        this.#keepPrefix(pending, prng, model === 'torn');
        break;
      case 'subset':
        this.#keepSubset(pending, prng);
        break;
      default:
        unreachable(model);
    }
    if (halfWay) return;
    this.#pending = [];
    this.#visible = this.#durable.copy();
  }

  corrupt(position: number, byte: number): void {
    assert(position < this.size, 'there is a byte to corrupt');
    this.#visible.bytes[position] = byte;
    if (position < this.#durable.size) this.#durable.bytes[position] = byte;
  }

  #keepPrefix(pending: readonly PendingWrite[], prng: Prng, torn: boolean): void {
    const kept = prng.below(pending.length + 1);
    for (const { position, bytes } of pending.slice(0, kept)) this.#durable.write(bytes, position);
    const last = pending[kept];
    if (last === undefined) return;
    const cut = prng.below(last.bytes.length + 1);
    if (!torn) {
      this.#durable.write(last.bytes.subarray(0, cut), last.position);
      return;
    }
    for (let from = 0; from < cut; from += SECTOR_BYTES) {
      if (prng.chance(0.3)) continue;
      const sector = last.bytes.slice(from, Math.min(cut, from + SECTOR_BYTES));
      if (prng.chance(0.2))
        for (let at = 0; at < sector.length; at += 1) sector[at] = prng.below(256);
      this.#durable.write(sector, last.position + from);
    }
  }

  #keepSubset(pending: readonly PendingWrite[], prng: Prng): void {
    for (const { position, bytes } of pending) {
      for (let from = 0; from < bytes.length;) {
        const step = Math.min(PAGE_BYTES - ((position + from) % PAGE_BYTES), bytes.length - from);
        if (prng.chance(0.5))
          this.#durable.write(bytes.subarray(from, from + step), position + from);
        from += step;
      }
    }
  }
}
