/**
 * Calls between threads that need an answer: comlink behind rules of ours.
 *
 * Boundary: control plane only; never an operation, never a stream.
 *
 * Invariants:
 *   CP1 a pending call is rejected with WORKER_DIED when the other side dies, and so is a later one
 *   CP2 an error keeps its `code` on the way
 *   CP3 the remote is pinned for as long as the port is: it is never collected in use
 */
import type { MessagePort } from 'node:worker_threads';
import * as comlink from 'comlink';

export type ControlErrorCode = string;

export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const WORKER_DIED: ControlErrorCode = 'WORKER_DIED';
const UNKNOWN_CODE: ControlErrorCode = 'FAILED';

// oxlint-disable-next-line no-explicit-any -- the arguments are checked by `call`'s own signature
type AnyFunction = (...args: never[]) => unknown;
export type CallTable<Calls> = { readonly [Name in keyof Calls]: AnyFunction };

type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ControlErrorCode; readonly message: string };

interface Dispatcher {
  call(name: string, args: readonly unknown[]): Promise<Answer>;
}

/** Answers calls that arrive on `port`. */
export function answerCalls<Calls extends CallTable<Calls>>(port: MessagePort, calls: Calls): void {
  const dispatcher: Dispatcher = {
    async call(name, args): Promise<Answer> {
      try {
        const entry = Object.hasOwn(calls, name) ? calls[name as keyof Calls] : undefined;
        if (entry === undefined) throw new ControlError('NO_SUCH_CALL', `no call is named ${name}`);
        return { ok: true, value: await entry.apply(calls, args as never[]) };
      } catch (error) {
        // Handed to the caller, with its code: see CP2.
        const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
        return {
          ok: false,
          code: typeof code === 'string' ? code : UNKNOWN_CODE,
          message: typeof message === 'string' ? message : String(error),
        };
      }
    },
  };
  comlink.expose(dispatcher, port);
}

export class ControlPort<Calls extends CallTable<Calls>> {
  readonly #port: MessagePort;
  readonly #remote: comlink.Remote<Dispatcher>;
  readonly #pending = new Set<(error: ControlError) => void>();
  #death: ControlError | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    this.#remote = comlink.wrap<Dispatcher>(port);
    // A port that waits for answers does not keep the process alive.
    port.unref();
  }

  call<Name extends keyof Calls & string>(
    name: Name,
    ...args: Parameters<Calls[Name]>
  ): Promise<Awaited<ReturnType<Calls[Name]>>> {
    if (this.#death !== undefined) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      this.#remote.call(name, args).then(
        (answer: Answer) => {
          this.#pending.delete(reject);
          if (answer.ok) resolve(answer.value as Awaited<ReturnType<Calls[Name]>>);
          else reject(new ControlError(answer.code, answer.message));
        },
        (error: unknown) => {
          this.#pending.delete(reject);
          reject(new ControlError(UNKNOWN_CODE, String(error)));
        },
      );
    });
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** The other side is gone: whoever owns the worker says so. */
  died(reason: string): void {
    if (this.#death !== undefined) return;
    this.#death = new ControlError(WORKER_DIED, reason);
    for (const reject of this.#pending) reject(this.#death);
    this.#pending.clear();
    this.#port.close();
  }
}
