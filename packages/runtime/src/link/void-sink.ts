/**
 * Where operations for a connection go that is gone: nowhere. The core learns of it by the event
 * `disconnected`, which is on its way.
 *
 * data plane
 */
import type { OperationSink } from '@clockwise/kernel/core';

export class VoidSink implements OperationSink {
  words: Int32Array = new Int32Array(1024);
  epoch = 0;
  priority = 0;
  remainingMs = 0;
  due = 0;
  patienceMs = 0;

  begin(_tag: number, wordCount: number): number {
    if (this.words.length < wordCount) this.words = new Int32Array(wordCount);
    return 0;
  }

  end(_wordCount: number): void {
    // Swallowed: see the header.
  }
}
