/**
 * The world of a real client: clock, timers, the end of a tick, and the best transport that the
 * platform has. In Node that is ws, loaded only there; elsewhere the global WebSocket.
 */
import { ClockwiseError } from './errors.ts';
import type { Dial, World } from './transport.ts';
import { globalWebSocket, makeWebDial } from './transport-web.ts';

interface Platform {
  readonly process?: { readonly versions?: Readonly<Record<string, string | undefined>> };
  readonly setImmediate?: (run: () => void) => void;
}

export async function platformWorld(): Promise<World> {
  const { setImmediate } = globalThis as unknown as Platform;
  return {
    now: () => performance.now(),
    // Behind all microtasks and all of this tick's reads where the platform can tell; else behind
    // what runs now.
    atEndOfTick: setImmediate === undefined ? (run) => queueMicrotask(run) : setImmediate,
    setTimer: (run, delayMs) => setTimeout(run, delayMs),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    dial: await platformDial(),
  };
}

async function platformDial(): Promise<Dial> {
  const webSocketClass = globalWebSocket();
  if (isNode()) {
    try {
      return (await import('./transport-node.ts')).dialNode;
    } catch (error) {
      // Newer Node does without ws, if more slowly.
      const isMissing = (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
      if (!isMissing || webSocketClass === undefined) throw error;
    }
  }
  if (webSocketClass !== undefined) return makeWebDial(webSocketClass);
  throw new ClockwiseError('BAD_REQUEST', { message: 'this platform has no WebSocket' });
}

/** Bun and Deno call themselves Node too, and have a WebSocket of their own. */
function isNode(): boolean {
  const versions = (globalThis as unknown as Platform).process?.versions;
  if (versions?.['node'] === undefined) return false;
  return versions['bun'] === undefined && versions['deno'] === undefined;
}
