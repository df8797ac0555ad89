/**
 * The client side of the WebSocket handshake, for links to peers.
 */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';

export interface DialRules {
  readonly frameBytesMax: number;
  readonly handshakeTimeoutMs: number;
}

export interface DialOutcome {
  readonly opened: (webSocket: WebSocket, socket: Socket) => void;
  readonly failed: (reason: string) => void;
}

/** `address`: "host:port". Exactly one of the outcomes is called, later. */
export function dial(address: string, rules: DialRules, outcome: DialOutcome): void {
  const options: ClientOptions = {
    perMessageDeflate: false,
    maxPayload: rules.frameBytesMax,
    handshakeTimeout: rules.handshakeTimeoutMs,
    followRedirects: false,
    // Masks guard proxies against hostile pages; between nodes they would only cost time.
    generateMask: (mask) => {
      mask.fill(0);
    },
  };
  let webSocket: WebSocket;
  try {
    webSocket = new WebSocket(`ws://${address}`, options);
  } catch (error) {
    setImmediate(() => outcome.failed(String(error)));
    return;
  }
  let socket: Socket | undefined;
  const failed = (error: Error): void => {
    webSocket.off('open', opened);
    outcome.failed((error as Error & { code?: string }).code ?? error.message);
  };
  const opened = (): void => {
    webSocket.off('error', failed);
    if (socket === undefined) throw new Error('a WebSocket opens after its upgrade');
    outcome.opened(webSocket, socket);
  };
  webSocket.once('upgrade', (response) => {
    ({ socket } = response);
  });
  webSocket.once('open', opened);
  webSocket.once('error', failed);
}
