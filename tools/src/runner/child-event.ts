// What a test process tells the runner, one JSON line each, on a pipe of its own. The writes are
// synchronous, so that the runner knows which test is stuck even when the process spins.

/** The descriptor that the runner opens for these lines in each test process. */
export const EVENT_DESCRIPTOR = 3;

export type ChildEvent =
  | { readonly kind: 'test-began'; readonly name: string }
  | { readonly kind: 'test-ended' }
  | { readonly kind: 'suite-ended'; readonly passed: number; readonly total: number }
  | { readonly kind: 'skipped'; readonly count: number }
  | { readonly kind: 'failure'; readonly text: string }
  | { readonly kind: 'finished' }
  | { readonly kind: 'open-handles'; readonly handles: readonly string[] };
