/** What a store must hold: a map, and the time. */
import type { TokenRange } from '@clockwise/storage/token-range';
import { tokenOf } from './local-fixture.ts';

export interface ModelValue {
  readonly stamp: number;
  /** Since 1970; 0: never. */
  readonly expirySeconds: number;
}

export class LocalModel {
  readonly values: Map<number, ModelValue>;
  nowMs: number;

  constructor(nowMs: number, values: ReadonlyMap<number, ModelValue> = new Map()) {
    this.nowMs = nowMs;
    this.values = new Map(values);
  }

  copy(): LocalModel {
    return new LocalModel(this.nowMs, this.values);
  }

  put(key: number, stamp: number, expirySeconds: number): void {
    this.values.set(key, { stamp, expirySeconds });
  }

  /** The stamp, if the key is live. */
  get(key: number): number | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    const isLive = value.expirySeconds === 0 || value.expirySeconds > Math.floor(this.nowMs / 1000);
    return isLive ? value.stamp : undefined;
  }

  dropRange(range: TokenRange): void {
    for (const key of this.values.keys()) if (isInRange(key, range)) this.values.delete(key);
  }

  /** Live keys of the range, in no order. */
  live(range: TokenRange): Map<number, number> {
    const found = new Map<number, number>();
    for (const key of this.values.keys()) {
      const stamp = this.get(key);
      if (stamp !== undefined && isInRange(key, range)) found.set(key, stamp);
    }
    return found;
  }
}

export function isInRange(key: number, range: TokenRange): boolean {
  const token = numberOf(tokenOf(key));
  const from = numberOf({ high: range.fromHigh, low: range.fromLow });
  const to = numberOf({ high: range.toHigh, low: range.toLow });
  return token >= from && token <= to;
}

function numberOf({ high, low }: { readonly high: number; readonly low: number }): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Throws where a scan did not list what it must, in the order of tokens. */
export function checkScan(
  found: ReadonlyMap<number, number>,
  expected: ReadonlyMap<number, number>,
  context: string,
): void {
  let last = -1n;
  for (const [key, stamp] of found) {
    const token = numberOf(tokenOf(key));
    if (token < last) throw new Error(`${context}: key ${key} is listed out of order`);
    last = token;
    if (expected.get(key) !== stamp) {
      throw new Error(`${context}: key ${key} is ${stamp}, must be ${expected.get(key)}`);
    }
  }
  for (const [key, stamp] of expected) {
    if (!found.has(key)) throw new Error(`${context}: key ${key} is missing, must be ${stamp}`);
  }
}
