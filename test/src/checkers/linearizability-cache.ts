/**
 * Which configurations a search has met: the set of operations that are in the order, and the
 * register's value. Exact: the hash only says where to look.
 *
 * Of a set only what lies between the first word that is not full and the last that is not empty is
 * kept: operations enter the order nearly as they began.
 */

export class ConfigurationCache {
  size = 0;
  /** Of each place: where its entry begins in the arena, or -1. */
  #places: Int32Array = new Int32Array(1 << 10).fill(-1);
  #hashes: Int32Array = new Int32Array(1 << 10);
  /** Entries one after the other: value, first word, word count, words. */
  #arena: Int32Array = new Int32Array(1 << 12);
  #arenaEnd = 0;

  /** False where it has been met before. */
  add(bits: Int32Array, value: number, hash: number): boolean {
    let first = 0;
    while (first < bits.length && bits[first] === -1) first += 1;
    let end = bits.length;
    while (end > first && bits[end - 1] === 0) end -= 1;
    if (this.size * 2 >= this.#places.length) this.#grow();
    const mask = this.#places.length - 1;
    let place = hash & mask;
    while (this.#places[place]! >= 0) {
      const isHere =
        this.#hashes[place] === hash && this.#equals(this.#places[place]!, bits, value, first, end);
      if (isHere) return false;
      place = (place + 1) & mask;
    }
    this.#places[place] = this.#append(bits, value, first, end);
    this.#hashes[place] = hash;
    this.size += 1;
    return true;
  }

  #equals(entry: number, bits: Int32Array, value: number, first: number, end: number): boolean {
    const arena = this.#arena;
    if (arena[entry] !== value || arena[entry + 1] !== first || arena[entry + 2] !== end - first) {
      return false;
    }
    for (let word = first; word < end; word += 1) {
      if (arena[entry + 3 + word - first] !== bits[word]) return false;
    }
    return true;
  }

  #append(bits: Int32Array, value: number, first: number, end: number): number {
    const entry = this.#arenaEnd;
    const after = entry + 3 + end - first;
    if (after > this.#arena.length) {
      const arena = new Int32Array(Math.max(after, this.#arena.length * 2));
      arena.set(this.#arena);
      this.#arena = arena;
    }
    this.#arena[entry] = value;
    this.#arena[entry + 1] = first;
    this.#arena[entry + 2] = end - first;
    this.#arena.set(bits.subarray(first, end), entry + 3);
    this.#arenaEnd = after;
    return entry;
  }

  #grow(): void {
    const places = this.#places;
    const hashes = this.#hashes;
    this.#places = new Int32Array(places.length * 2).fill(-1);
    this.#hashes = new Int32Array(places.length * 2);
    const mask = this.#places.length - 1;
    for (const [old, entry] of places.entries()) {
      if (entry < 0) continue;
      let place = hashes[old]! & mask;
      while (this.#places[place]! >= 0) place = (place + 1) & mask;
      this.#places[place] = entry;
      this.#hashes[place] = hashes[old]!;
    }
  }
}
