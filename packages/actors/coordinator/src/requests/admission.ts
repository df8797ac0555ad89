/**
 * How many requests a coordinator takes in at once, by how long answers take of late: less while they
 * take long, more while they do not. What is refused is told when to come again, later the more are
 * refused. Pure: instants are arguments. data plane.
 *
 * A window is 100 ms. Long is beyond `admissionLatencyMs`, or beyond twice of what was usual while the
 * limit kept nobody out, where that is more: who waits for another continent is slow, not overloaded.
 *
 * Invariants:
 *   AD1 admission depends on counts and instants only
 *   AD2 the limit lies between its least and the number of slots
 *   AD3 while answers are quick the limit grows to the number of slots, whatever came before
 *   AD4 who is refused is told to come later for as long as many are refused, sooner while few are
 *   AD5 answers may wait for one another only where many wait, half of what they take at the most
 */
import { sometimes } from '@clockwise/kernel/probe';
import type { Instant } from '@clockwise/kernel/core';
import type { Prng } from '@clockwise/kernel/prng';

export interface AdmissionLimits {
  readonly requestsInFlightMax: number;
  readonly admissionLatencyMs: number;
}

const WINDOW_MS = 100;
const LIMIT_MIN = 64;
const SHRINK = 0.85;
/** One stall of a thread or a disk is no overload: so many windows in a row are. */
const LONG_ROW = 3;
/** With fewer unanswered than this it must be so many times as long: nobody waits behind a crowd. */
const FEW = 512;
const FEW_PATIENCE = 5;
const GROWTH_MIN = 8;
const GROWTH_SHARE = 1 / 16;
/** The usual latency is the least of two spans of windows, this one and the one before. */
const SPAN_MS = 5000;
const USUAL_FACTOR = 2;
/** Answers are quick up to this share of what is long. */
const QUICK_SHARE = 0.75;

/** Refused by taken in a window: above `many` the hint grows, below `few` it shrinks, in such steps. */
const REFUSED_SHARE = { many: 1 / 8, few: 1 / 16 } as const;
const RETRY_STEP = 1.5;
const RETRY_MS_MIN = 10;
const RETRY_MS_MAX = 1000;

/**
 * Where many wait, a part of what nine in ten answers take is well spent on sending them together: more
 * where there are more than are taken in.
 */
const PATIENCE = {
  usual: { share: 1 / 4, msMax: 20 },
  crowded: { share: 1 / 2, msMax: 50 },
} as const;
const PATIENCE_MS_MIN = 4;

/** Two buckets for each doubling of 1/16 ms. */
const BUCKETS = 48;

export class Admission {
  /** Requests without an answer, beyond which one more is refused. */
  limit: number;
  /** Milliseconds that answers may wait for others to the same client. */
  patienceMs = 0;
  readonly #limits: AdmissionLimits;
  readonly #limitMin: number;
  readonly #prng: Prng;
  readonly #answers: Int32Array = new Int32Array(BUCKETS);
  #answerCount = 0;
  #windowEnd = -Infinity;
  /** The most requests without an answer in this window. */
  #peak = 0;
  #taken = 0;
  #refused = 0;
  #retryMs = RETRY_MS_MIN;
  /** Windows in a row whose answers took long. */
  #longRow = 0;
  #spanEnd = -Infinity;
  #usual = Infinity;
  #usualBefore = Infinity;

  constructor(limits: AdmissionLimits, prng: Prng) {
    this.#limits = limits;
    this.#prng = prng;
    this.#limitMin = Math.min(LIMIT_MIN, limits.requestsInFlightMax);
    this.limit = limits.requestsInFlightMax;
  }

  /** Whether one more request is taken in, where so many have no answer yet. */
  takes(unanswered: number, now: Instant): boolean {
    if (now >= this.#windowEnd) this.#endWindow(now);
    if (unanswered > this.#peak) this.#peak = unanswered;
    const isTaken = unanswered < this.limit;
    if (isTaken) this.#taken += 1;
    else this.#refused += 1;
    return isTaken;
  }

  /** A request was taken in so many milliseconds ago and has its answer. */
  answered(elapsedMs: number, now: Instant): void {
    if (now >= this.#windowEnd) this.#endWindow(now);
    const bucket = bucketOf(elapsedMs);
    this.#answers[bucket] = this.#answers[bucket]! + 1;
    this.#answerCount += 1;
  }

  /** Milliseconds after which a refused request may come again. */
  retryAfterMs(now: Instant): number {
    if (now >= this.#windowEnd) this.#endWindow(now);
    return Math.ceil(this.#retryMs * (0.75 + this.#prng.unit() / 2));
  }

  #endWindow(now: Instant): void {
    if (this.#answerCount > 0) this.#judge(now);
    const isNext = now < this.#windowEnd + WINDOW_MS;
    this.#retryMs = isNext ? this.#nextRetryMs() : RETRY_MS_MIN;
    this.patienceMs = isNext ? this.#nextPatienceMs() : 0;
    this.#answers.fill(0);
    this.#answerCount = 0;
    this.#taken = 0;
    this.#refused = 0;
    this.#peak = 0;
    this.#windowEnd = now + WINDOW_MS;
  }

  /** [AD4] So that those who come again are a small part of those who are served. */
  #nextRetryMs(): number {
    const { many, few } = REFUSED_SHARE;
    if (this.#refused > this.#taken * many)
      return Math.min(this.#retryMs * RETRY_STEP, RETRY_MS_MAX);
    if (this.#refused < this.#taken * few)
      return Math.max(this.#retryMs / RETRY_STEP, RETRY_MS_MIN);
    return this.#retryMs;
  }

  #nextPatienceMs(): number {
    if (this.#peak < FEW) return 0;
    const isCrowded = this.limit < this.#limits.requestsInFlightMax;
    const { share, msMax } = isCrowded ? PATIENCE.crowded : PATIENCE.usual;
    const patienceMs = Math.floor(this.#slowestOfNineTenths() * share);
    return patienceMs < PATIENCE_MS_MIN ? 0 : Math.min(patienceMs, msMax);
  }

  #judge(now: Instant): void {
    const slowest = this.#slowestOfNineTenths();
    const isFree = this.#refused === 0 && this.#peak * 2 < this.limit;
    if (isFree) this.#noteUsual(slowest, now);
    const usual = Math.min(this.#usual, this.#usualBefore);
    const usualMs = usual === Infinity ? 0 : usual;
    const long = Math.max(this.#limits.admissionLatencyMs, usualMs * USUAL_FACTOR);
    const isLong = slowest > (this.#peak < FEW ? long * FEW_PATIENCE : long);
    this.#longRow = isLong ? this.#longRow + 1 : 0;
    if (isLong) {
      sometimes(this.#longRow === LONG_ROW, 'admission: answers take long, and less is taken in');
      if (this.#longRow < LONG_ROW) return;
      const fewer = Math.floor(Math.min(this.limit, this.#peak) * SHRINK);
      this.limit = Math.max(this.#limitMin, fewer);
    } else if (slowest <= long * QUICK_SHARE) {
      const more = Math.max(GROWTH_MIN, Math.floor(this.limit * GROWTH_SHARE));
      this.limit = Math.min(this.limit + more, this.#limits.requestsInFlightMax);
    }
  }

  #noteUsual(latencyMs: number, now: Instant): void {
    if (now >= this.#spanEnd) {
      this.#usualBefore = now < this.#spanEnd + SPAN_MS ? this.#usual : Infinity;
      this.#usual = latencyMs;
      this.#spanEnd = now + SPAN_MS;
    } else if (latencyMs < this.#usual) this.#usual = latencyMs;
  }

  /** Milliseconds within which nine of ten answers of the window came; the least of their bucket. */
  #slowestOfNineTenths(): number {
    const beyond = Math.floor(this.#answerCount / 10);
    let count = 0;
    let bucket = BUCKETS - 1;
    for (; bucket > 0; bucket -= 1) {
      count += this.#answers[bucket]!;
      if (count > beyond) break;
    }
    return leastOf(bucket);
  }
}

function bucketOf(milliseconds: number): number {
  const scaled = Math.max(1, Math.min(milliseconds * 16, 0x3fff_ffff)) | 0;
  const exponent = 31 - Math.clz32(scaled);
  const half = exponent === 0 ? 0 : (scaled >>> (exponent - 1)) & 1;
  return Math.min(2 * exponent + half, BUCKETS - 1);
}

function leastOf(bucket: number): number {
  const base = 2 ** (bucket >>> 1);
  return (base + (bucket & 1) * (base / 2)) / 16;
}
