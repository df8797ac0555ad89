/**
 * Loads record lines into a bucket: many operations in flight, bounded in count and bytes, and so
 * bounded in memory. The SDK's retries ride over a node that dies; what they cannot mend within an
 * operation's time is tried again here until the patience is over. Storing the same value again is
 * harmless, so a write of unknown outcome is repeated too.
 *
 * Invariants:
 *   IM1 a record that the cluster refuses is reported by line and key, and all others are loaded
 *   IM2 of lines with one key the last one wins: never are two of them in flight
 *   IM3 operations in flight are bounded in count and in bytes
 *   IM4 when the cluster stays away, the import ends and says where, instead of failing each record
 */
import { ClockwiseError, type Context, type Key, type Value } from '@clockwise/client';
import { shownKey } from '../value-text.ts';
import type { Line } from './lines.ts';
import type { Progress } from './progress.ts';
import { parseRecordLine, type Sibling } from './record-line.ts';

export interface ImportTarget {
  put(
    key: Key,
    value: Value,
    options: { readonly timeToLiveSeconds?: number; readonly context?: 'none' },
  ): Promise<{ readonly context: Context }>;
}

export interface ImportLimits {
  readonly inFlightMax: number;
  readonly inFlightBytesMax: number;
  /** Milliseconds after which a record that cannot be stored for want of a cluster ends the import. */
  readonly patienceMs: number;
  readonly pauseMs: number;
}

export interface ImportWorld {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Seconds since 1970. */
  nowSeconds(): number;
  sleep(milliseconds: number): Promise<void>;
}

export interface ImportFailure {
  readonly lineNumber: number;
  readonly key: string | undefined;
  readonly reason: string;
}

export interface ImportParts {
  readonly target: ImportTarget;
  readonly limits: ImportLimits;
  readonly world: ImportWorld;
  readonly progress: Progress;
  readonly report: (failure: ImportFailure) => void;
}

export interface ImportSummary {
  /** Lines that were stored with another spelling than theirs: blanks, escapes, numbers. */
  readonly respelledCount: number;
  /** Lines whose value had expired before. */
  readonly expiredCount: number;
  /** Why it ended before the last line; undefined where it did not. */
  readonly aborted: { readonly lineNumber: number; readonly error: ClockwiseError } | undefined;
}

/** Codes that say the same for every record: there is no use in going on. */
const FATAL: ReadonlySet<string> = new Set(['NO_SUCH_BUCKET', 'CONTEXT_REQUIRED', 'CLOSED']);

export async function importLines(
  lines: AsyncIterable<Line>,
  parts: ImportParts,
): Promise<ImportSummary> {
  const run = new ImportRun(parts);
  for await (const line of lines) {
    await run.take(line);
    if (run.aborted !== undefined) break;
  }
  await run.idle();
  const { respelledCount, expiredCount, aborted } = run;
  return { respelledCount, expiredCount, aborted };
}

class ImportRun {
  respelledCount = 0;
  expiredCount = 0;
  aborted: ImportSummary['aborted'] = undefined;
  readonly #parts: ImportParts;
  readonly #keysInFlight = new Set<string>();
  #bytesInFlight = 0;
  #wake: () => void = () => undefined;

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  /** Settles when the next line may come. */
  async take(line: Line): Promise<void> {
    if (line.kind === 'unusable') {
      return this.#fail(line.number, undefined, `${line.reason}; it begins ${line.head}`);
    }
    const record = parseRecordLine(line.text);
    if (!record.ok) {
      const key = record.key === undefined ? undefined : shownKey(record.key);
      return this.#fail(line.number, key, record.reason);
    }
    const key = shownKey(record.key);
    while (this.aborted === undefined && !this.#hasRoom(key, line.bytes)) await this.#change();
    if (this.aborted !== undefined) return undefined;
    if (!record.isCanonical) this.respelledCount += 1;
    this.#keysInFlight.add(key);
    this.#bytesInFlight += line.bytes;
    void this.#store(line, record.key, record.siblings).finally(() => {
      this.#keysInFlight.delete(key);
      this.#bytesInFlight -= line.bytes;
      this.#wake();
    });
    return undefined;
  }

  async idle(): Promise<void> {
    while (this.#keysInFlight.size > 0) await this.#change();
  }

  /** [IM2, IM3] One record always fits. */
  #hasRoom(key: string, bytes: number): boolean {
    const { inFlightMax, inFlightBytesMax } = this.#parts.limits;
    if (this.#keysInFlight.size === 0) return true;
    if (this.#keysInFlight.has(key) || this.#keysInFlight.size >= inFlightMax) return false;
    return this.#bytesInFlight + bytes <= inFlightBytesMax;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Never rejects but for a fault of this program. */
  async #store(
    { number, bytes }: { readonly number: number; readonly bytes: number },
    key: Key,
    siblings: readonly Sibling[],
  ): Promise<void> {
    const { progress } = this.#parts;
    const nowSeconds = this.#parts.world.nowSeconds();
    const live = siblings.filter(
      (one) => one.expirySeconds === 0 || one.expirySeconds > nowSeconds,
    );
    if (live.length === 0) this.expiredCount += 1;
    for (const [index, { value, expirySeconds }] of live.entries()) {
      const error = await this.#put(number, key, value, {
        ...(expirySeconds === 0 ? {} : { timeToLiveSeconds: expirySeconds - nowSeconds }),
        // The first value replaces what is there, the others stand beside it.
        ...(index === 0 ? {} : { context: 'none' as const }),
      });
      if (error === undefined) continue;
      if (this.aborted === undefined) this.#fail(number, shownKey(key), error.message);
      return;
    }
    progress.recordCount += 1;
    progress.byteCount += bytes;
  }

  /** Undefined: stored. */
  async #put(
    lineNumber: number,
    key: Key,
    value: Value,
    options: Parameters<ImportTarget['put']>[2],
  ): Promise<ClockwiseError | undefined> {
    const { target, limits, world } = this.#parts;
    const deadline = world.now() + limits.patienceMs;
    for (;;) {
      try {
        await target.put(key, value, options);
        return undefined;
      } catch (error) {
        if (!(error instanceof ClockwiseError)) throw error;
        const isOver = !error.retryable || world.now() >= deadline || this.aborted !== undefined;
        if (error.retryable ? isOver : FATAL.has(error.code)) this.#abort(lineNumber, error);
        if (isOver) return error;
        await world.sleep(Math.max(limits.pauseMs, error.retryAfterMs));
      }
    }
  }

  /** [IM4] The earliest line counts. */
  #abort(lineNumber: number, error: ClockwiseError): void {
    if (this.aborted !== undefined && this.aborted.lineNumber <= lineNumber) return;
    this.aborted = { lineNumber, error };
    this.#wake();
  }

  #fail(lineNumber: number, key: string | undefined, reason: string): void {
    this.#parts.progress.errorCount += 1;
    this.#parts.report({ lineNumber, key, reason });
  }
}
