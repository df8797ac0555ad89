/**
 * SharedReads: reads of all sockets of a thread into one buffer, instead of into memory that the
 * platform allocates for each read. Node offers that (`onread`) for sockets that it opens, not for
 * those that a server accepts; so an accepted socket's handle is moved into a new socket. A handle is
 * no public API: where it is not as we know it, the socket stays as it is and reads by `data` events.
 *
 * data plane
 *
 * Invariants:
 *   SR1 what was read is handed on before the next read of any socket, and not valid after that
 *   SR2 a socket whose handle was moved is destroyed, and its server no longer counts it
 */
import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { OnReadOpts } from 'node:net';

/** Where a socket keeps its handle. */
const HANDLE = '_handle';
/** As much as the platform's own reads ask for. */
const READ_BYTES = 64 * 1024;

/** What node's sockets stand on, as far as it is used here. */
interface SocketHandle {
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  reading?: boolean;
}

type SocketOptionsWithHandle = ConstructorParameters<typeof Socket>[0] & {
  readonly handle: SocketHandle;
  readonly onread: OnReadOpts;
};

const buffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** A socket in place of `accepted` that gives what it reads to `received`; undefined: not here. */
export function readShared(
  accepted: Socket,
  received: (chunk: Buffer) => void,
): Socket | undefined {
  const holder = accepted as unknown as Record<typeof HANDLE, SocketHandle | null>;
  const handle = holder[HANDLE];
  if (typeof handle?.useUserBuffer !== 'function' || typeof handle.readStop !== 'function') {
    return undefined;
  }
  // What it still writes would report its end to a socket that is gone.
  if (accepted.writableLength > 0 || handle.readStop() !== 0) return undefined;
  handle.reading = false;
  holder[HANDLE] = null;
  const options: SocketOptionsWithHandle = {
    handle,
    allowHalfOpen: accepted.allowHalfOpen,
    onread: {
      buffer,
      callback: (byteCount) => {
        received(buffer.subarray(0, byteCount));
        return true;
      },
    },
  };
  const socket = new Socket(options);
  accepted.destroy();
  return socket;
}
