/**
 * Cursors over the bytes of an encoded ring, little-endian. Control plane: rings are read and written
 * once an epoch.
 *
 * A reader never throws: the first fault stays, and everything read after it is zero or empty. Callers
 * check `fault` before they allocate or loop by a count that they read.
 *
 * Invariants
 *  Y1 a reader never reads past its end; short input is a fault.
 */
import { assert } from '@clockwise/kernel/assert';

export class RingWriter {
  #bytes: Uint8Array = new Uint8Array(4_096);
  #view: DataView = new DataView(this.#bytes.buffer);
  #end = 0;

  get end(): number {
    return this.#end;
  }

  uint8(value: number): void {
    assert(value >= 0 && value <= 0xff, 'a byte is 0 to 255');
    const at = this.#advance(1);
    this.#view.setUint8(at, value);
  }

  uint16(value: number): void {
    assert(value >= 0 && value <= 0xffff, 'a half word is 0 to 65,535');
    const at = this.#advance(2);
    this.#view.setUint16(at, value, true);
  }

  uint32(value: number): void {
    const at = this.#advance(4);
    this.#view.setUint32(at, value, true);
  }

  /** ASCII with its length in one byte. */
  text(value: string): void {
    this.uint8(value.length);
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      assert(code < 0x80, 'text of a ring is ASCII');
      this.uint8(code);
    }
  }

  /** Overwrites four bytes that were written before. */
  patchUint32(at: number, value: number): void {
    assert(at + 4 <= this.#end, 'only written bytes are patched');
    this.#view.setUint32(at, value, true);
  }

  /** The bytes so far, not copied: they are valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Where the next bytes go; it may put another view in the place of this one. */
  #advance(byteCount: number): number {
    const at = this.#end;
    this.#end += byteCount;
    if (this.#end > this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

export class RingReader {
  readonly #view: DataView;
  #at = 0;
  #fault: string | undefined;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Why reading stopped, or undefined. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get remaining(): number {
    return this.#view.byteLength - this.#at;
  }

  /** Notes a fault; the first one stays. */
  fail(reason: string): void {
    this.#fault ??= reason;
  }

  uint8(): number {
    return this.#has(1) ? this.#view.getUint8(this.#at++) : 0;
  }

  uint16(): number {
    if (!this.#has(2)) return 0;
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2, true);
  }

  uint32(): number {
    if (!this.#has(4)) return 0;
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  text(): string {
    const length = this.uint8();
    if (!this.#has(length)) return '';
    let value = '';
    for (let index = 0; index < length; index += 1) {
      value += String.fromCharCode(this.#view.getUint8(this.#at + index));
    }
    this.#at += length;
    return value;
  }

  /** A count of things that take at least `bytesEach` bytes: refused before anything is allocated. */
  count(value: number, most: number, bytesEach: number, what: string): number {
    if (value > most) this.fail(`${value} ${what} are more than the limit of ${most}`);
    if (value * bytesEach > this.remaining) this.fail(`the bytes end before ${value} ${what}`);
    return this.#fault === undefined ? value : 0;
  }

  /** The member of an append-only list of names that a byte stands for. */
  choice<Name extends string>(names: readonly [Name, ...Name[]], what: string): Name {
    const code = this.uint8();
    const name = names[code];
    if (name === undefined) this.fail(`${what} ${code} is unknown`);
    return name ?? names[0];
  }

  #has(byteCount: number): boolean {
    if (this.#fault === undefined && byteCount <= this.remaining) return true;
    this.fail('the bytes end too early');
    return false;
  }
}
