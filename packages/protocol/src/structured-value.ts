/**
 * Null, booleans, numbers, strings, lists and objects as compact bytes (docs/formats/wire.md). Both
 * ways iterative: no input can exhaust the stack. Objects come back without a prototype, so that a
 * field may have any name at all.
 *
 *     value:  type byte | what the type says
 *     string: byte length (4) | UTF-8          list: count (4) | values
 *     object: count (4) | (byte length (4) | UTF-8 | value) for each field
 *
 * Invariants:
 *   SV1 what is encoded decodes to an equal value
 *   SV2 depth, elements and fields are bounded both ways; nothing is made from a claimed count
 *   SV3 one field name occurs once; unknown types and bytes left over are refused
 *   SV4 a field named `__proto__` or `constructor` is a field like any other
 */
import { ByteReader, ByteWriter } from './byte-buffer.ts';
import { utf8ByteLength } from './utf8.ts';

/** Lists and objects within one another. */
export const STRUCTURED_DEPTH_MAX = 32;
/** Values in one value, itself included. */
export const STRUCTURED_ELEMENTS_MAX = 8192;
/** Fields of one object. */
export const STRUCTURED_FIELDS_MAX = 4096;

/** Type bytes; append-only. */
export const STRUCTURED_TYPE = {
  null: 0,
  false: 1,
  true: 2,
  int32: 3,
  float64: 4,
  string: 5,
  list: 6,
  object: 7,
} as const;

export type StructuredValue =
  | null
  | boolean
  | number
  | string
  | readonly StructuredValue[]
  | { readonly [field: string]: StructuredValue };

export type StructuredRejection =
  | 'tooDeep'
  | 'tooManyElements'
  | 'tooManyFields'
  | 'typeUnknown'
  | 'textMalformed'
  | 'fieldTwice'
  | 'truncated'
  | 'bytesLeftOver';

export type EncodedStructure =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: StructuredRejection };

export type DecodedStructure =
  | { readonly ok: true; readonly value: StructuredValue }
  | { readonly ok: false; readonly reason: StructuredRejection };

/** A list or object that is being written or read: what of it is still to come. */
type Writing =
  | { readonly kind: 'list'; readonly items: readonly StructuredValue[]; index: number }
  | {
      readonly kind: 'object';
      readonly source: { readonly [field: string]: StructuredValue };
      readonly names: readonly string[];
      index: number;
    };

type Reading =
  | { readonly kind: 'list'; readonly into: StructuredValue[]; left: number }
  | { readonly kind: 'object'; readonly into: MutableObject; left: number };

type MutableObject = { [field: string]: StructuredValue };

export function encodeStructured(value: StructuredValue): EncodedStructure {
  const encoder = new Encoder();
  const reason = encoder.encode(value);
  return reason === undefined ? { ok: true, bytes: encoder.bytes() } : { ok: false, reason };
}

export function decodeStructured(bytes: Uint8Array): DecodedStructure {
  return new Decoder(bytes).decode();
}

class Encoder {
  readonly #writer = new ByteWriter();
  readonly #stack: Writing[] = [];
  #elementCount = 0;

  bytes(): Uint8Array {
    return this.#writer.view();
  }

  encode(value: StructuredValue): StructuredRejection | undefined {
    let reason = this.#begin(value);
    while (reason === undefined) {
      const top = this.#stack.at(-1);
      if (top === undefined) return undefined;
      reason = top.kind === 'list' ? this.#nextItem(top) : this.#nextField(top);
    }
    return reason;
  }

  #nextItem(list: Writing & { kind: 'list' }): StructuredRejection | undefined {
    if (list.index === list.items.length) {
      this.#stack.pop();
      return undefined;
    }
    list.index += 1;
    return this.#begin(list.items[list.index - 1]);
  }

  #nextField(object: Writing & { kind: 'object' }): StructuredRejection | undefined {
    const name = object.names[object.index];
    if (name === undefined) {
      this.#stack.pop();
      return undefined;
    }
    object.index += 1;
    return this.#text(name) ?? this.#begin(object.source[name]);
  }

  /** Writes a scalar whole, or opens a list or object. */
  #begin(value: StructuredValue | undefined): StructuredRejection | undefined {
    this.#elementCount += 1;
    if (this.#elementCount > STRUCTURED_ELEMENTS_MAX) return 'tooManyElements';
    if (value === null) return this.#type(STRUCTURED_TYPE.null);
    switch (typeof value) {
      case 'boolean':
        return this.#type(value ? STRUCTURED_TYPE.true : STRUCTURED_TYPE.false);
      case 'number':
        return this.#number(value);
      case 'string':
        this.#type(STRUCTURED_TYPE.string);
        return this.#text(value);
      case 'object':
        return this.#open(value);
      default:
        return 'typeUnknown';
    }
  }

  #open(
    value: readonly StructuredValue[] | { readonly [field: string]: StructuredValue },
  ): StructuredRejection | undefined {
    if (this.#stack.length === STRUCTURED_DEPTH_MAX) return 'tooDeep';
    if (Array.isArray(value)) {
      const items = value as readonly StructuredValue[];
      this.#type(STRUCTURED_TYPE.list);
      this.#writer.unsigned(items.length, 4);
      this.#stack.push({ kind: 'list', items, index: 0 });
      return undefined;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) return 'typeUnknown';
    const source = value as { readonly [field: string]: StructuredValue };
    const names = Object.keys(source);
    if (names.length > STRUCTURED_FIELDS_MAX) return 'tooManyFields';
    this.#type(STRUCTURED_TYPE.object);
    this.#writer.unsigned(names.length, 4);
    this.#stack.push({ kind: 'object', source, names, index: 0 });
    return undefined;
  }

  #type(type: number): undefined {
    this.#writer.unsigned(type, 1);
    return undefined;
  }

  /** Minus zero is no int32. */
  #number(value: number): undefined {
    if (Object.is(value, value | 0)) {
      this.#type(STRUCTURED_TYPE.int32);
      this.#writer.unsigned(value, 4);
    } else {
      this.#type(STRUCTURED_TYPE.float64);
      this.#writer.float64(value);
    }
    return undefined;
  }

  #text(text: string): StructuredRejection | undefined {
    const byteLength = utf8ByteLength(text);
    if (byteLength < 0) return 'textMalformed';
    this.#writer.unsigned(byteLength, 4);
    this.#writer.utf8(text, byteLength);
    return undefined;
  }
}

class Decoder {
  readonly #reader: ByteReader;
  readonly #stack: Reading[] = [];
  #elementCount = 0;
  #reason: StructuredRejection | undefined = undefined;

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes);
  }

  decode(): DecodedStructure {
    const value = this.#next();
    while (this.#reason === undefined && this.#stack.length > 0) this.#step();
    if (this.#reason === undefined && this.#reader.remaining > 0) this.#reason = 'bytesLeftOver';
    return this.#reason === undefined ? { ok: true, value } : { ok: false, reason: this.#reason };
  }

  /** One item or field of the innermost list or object. */
  #step(): void {
    const top = this.#stack.at(-1)!;
    if (top.left === 0) {
      this.#stack.pop();
      return;
    }
    top.left -= 1;
    if (top.kind === 'list') {
      top.into.push(this.#next());
      return;
    }
    const name = this.#text();
    if (this.#reason !== undefined) return;
    if (Object.hasOwn(top.into, name)) this.#reason = 'fieldTwice';
    else top.into[name] = this.#next();
  }

  /** A scalar whole, or a list or object that is opened and filled by later steps. */
  #next(): StructuredValue {
    this.#elementCount += 1;
    if (this.#elementCount > STRUCTURED_ELEMENTS_MAX) return this.#fail('tooManyElements');
    const type = this.#reader.unsigned(1);
    if (this.#reader.failed) return this.#fail('truncated');
    switch (type) {
      case STRUCTURED_TYPE.null:
        return null;
      case STRUCTURED_TYPE.false:
        return false;
      case STRUCTURED_TYPE.true:
        return true;
      case STRUCTURED_TYPE.int32:
        return this.#whole(this.#reader.unsigned(4) | 0);
      case STRUCTURED_TYPE.float64:
        return this.#whole(this.#reader.float64());
      case STRUCTURED_TYPE.string:
        return this.#text();
      case STRUCTURED_TYPE.list:
        return this.#open('list');
      case STRUCTURED_TYPE.object:
        return this.#open('object');
      default:
        return this.#fail('typeUnknown');
    }
  }

  /** [SV2] The count is a promise: it must fit into what is left, and nothing is made from it. */
  #open(kind: Reading['kind']): StructuredValue {
    const left = this.#reader.unsigned(4);
    const byteLengthMin = kind === 'list' ? left : left * 5;
    if (this.#stack.length === STRUCTURED_DEPTH_MAX) return this.#fail('tooDeep');
    if (kind === 'object' && left > STRUCTURED_FIELDS_MAX) return this.#fail('tooManyFields');
    if (left > STRUCTURED_ELEMENTS_MAX) return this.#fail('tooManyElements');
    if (this.#reader.failed || byteLengthMin > this.#reader.remaining) {
      return this.#fail('truncated');
    }
    if (kind === 'list') {
      const into: StructuredValue[] = [];
      this.#stack.push({ kind, into, left });
      return into;
    }
    const into = Object.create(null) as MutableObject;
    this.#stack.push({ kind, into, left });
    return into;
  }

  #text(): string {
    const byteLength = this.#reader.unsigned(4);
    if (this.#reader.failed || byteLength > this.#reader.remaining) {
      this.#fail('truncated');
      return '';
    }
    const text = this.#reader.utf8(byteLength);
    if (this.#reader.failed) this.#fail('textMalformed');
    return text;
  }

  #whole(value: number): number {
    if (this.#reader.failed) this.#fail('truncated');
    return value;
  }

  #fail(reason: StructuredRejection): null {
    this.#reason = reason;
    return null;
  }
}
