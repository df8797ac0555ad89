/**
 * One file of the simulated disk: what is durable, what readers see, and the writes between the two.
 *
 * Invariants:
 *   SF1 replaying all unsynced writes over the durable image gives the visible one
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

export class SimulatedFile {
  /** At least `size` bytes; beyond, rubbish that nobody reads. */
  visible: Uint8Array = new Uint8Array(0);
  size = 0;
  #durable = new Uint8Array(0);
  #pending: PendingWrite[] = [];

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.#pending.push({ position, bytes: bytes.slice() });
    this.#apply(bytes, position);
  }

  sync(): void {
    this.#persist();
  }

  /** A failed sync: the pages count as clean, whatever they hold. */
  failSync(pages: 'new' | 'old'): void {
    this.#pending = [];
    if (pages === 'old') this.#restore();
  }

  /** `halfWay`: a crash within a sync; what survives becomes durable and the rest stays pending. */
  crash(model: 'drop-all' | 'prefix' | 'subset' | 'torn', prng: Prng, halfWay = false): void {
    const pending = this.#pending;
    const seen = { bytes: this.visible, size: this.size };
    this.#restore();
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
    this.#persist();
    if (!halfWay) return;
    this.visible = seen.bytes;
    this.size = seen.size;
    this.#pending = pending;
  }

  corrupt(position: number, byte: number): void {
    assert(position < this.size, 'there is a byte to corrupt');
    this.visible[position] = byte;
    if (position < this.#durable.length) this.#durable[position] = byte;
  }

  #keepPrefix(pending: readonly PendingWrite[], prng: Prng, torn: boolean): void {
    const kept = prng.below(pending.length + 1);
    for (const { position, bytes } of pending.slice(0, kept)) this.#apply(bytes, position);
    const last = pending[kept];
    if (last === undefined) return;
    const cut = prng.below(last.bytes.length + 1);
    if (!torn) {
      this.#apply(last.bytes.subarray(0, cut), last.position);
      return;
    }
    for (let from = 0; from < cut; from += SECTOR_BYTES) {
      if (prng.chance(0.3)) continue;
      const sector = last.bytes.slice(from, Math.min(cut, from + SECTOR_BYTES));
      if (prng.chance(0.2))
        for (let at = 0; at < sector.length; at += 1) sector[at] = prng.below(256);
      this.#apply(sector, last.position + from);
    }
  }

  #keepSubset(pending: readonly PendingWrite[], prng: Prng): void {
    for (const { position, bytes } of pending) {
      for (let from = 0; from < bytes.length;) {
        const step = Math.min(PAGE_BYTES - ((position + from) % PAGE_BYTES), bytes.length - from);
        if (prng.chance(0.5)) this.#apply(bytes.subarray(from, from + step), position + from);
        from += step;
      }
    }
  }

  #apply(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (end > this.visible.length) {
      const grown = new Uint8Array(Math.max(end, this.visible.length * 2));
      grown.set(this.visible.subarray(0, this.size));
      this.visible = grown;
    }
    this.visible.set(bytes, position);
    this.size = Math.max(this.size, end);
  }

  #persist(): void {
    this.#durable = this.visible.slice(0, this.size);
    this.#pending = [];
  }

  #restore(): void {
    this.visible = this.#durable.slice();
    this.size = this.#durable.length;
  }
}
