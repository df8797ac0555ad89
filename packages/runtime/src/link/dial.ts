/**
 * The client side of the WebSocket handshake, for links to peers, over node:http.
 */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { faultOfAnswer, upgradeHeaders } from './websocket-upgrade.ts';

export interface DialOutcome {
  /** The socket, and what came behind the handshake. */
  readonly opened: (socket: Socket, head: Buffer) => void;
  readonly failed: (reason: string) => void;
}

/** `address`: "host:port". Exactly one of the outcomes is called, later. */
export function dial(address: string, timeoutMs: number, outcome: DialOutcome): void {
  const url = `http://${address}`;
  if (!URL.canParse(url)) {
    setImmediate(() => outcome.failed(`not an address: ${address}`));
    return;
  }
  const key = randomBytes(16).toString('base64');
  const request = httpRequest(url, { agent: false, headers: upgradeHeaders(key) });
  let settled = false;
  const settle = (tell: () => void): void => {
    if (settled) return;
    settled = true;
    clearTimeout(deadline);
    tell();
  };
  const fail = (reason: string): void => {
    settle(() => outcome.failed(reason));
    request.destroy();
  };
  const deadline = setTimeout(() => fail('the handshake took too long'), timeoutMs);
  request.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  request.on('response', ({ statusCode }) => fail(`unexpected server response: ${statusCode}`));
  request.on('upgrade', ({ statusCode, headers }, socket, head) => {
    const fault =
      statusCode === 101 ? faultOfAnswer(key, headers) : `unexpected status ${statusCode}`;
    if (fault === undefined && !settled) settle(() => outcome.opened(socket, head));
    else {
      socket.destroy();
      fail(fault ?? 'too late');
    }
  });
  request.end();
}
