/**
 * Listener: the server side of the WebSocket handshake, over node:http, and what is refused before a
 * connection exists: plain requests, foreign browsers, too many.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { answerUpgrade, refusal } from './websocket-upgrade.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Browsers of other origins are denied; clients that are no browsers send none. */
  readonly originsAllowed: readonly string[];
}

export interface ListenerRules {
  readonly handshakeTimeoutMs: number;
  readonly connectionsMax: number;
  /** Whether one more connection fits. */
  readonly hasRoom: () => boolean;
  /** The socket, and what came behind the handshake. */
  readonly accepted: (socket: Socket, head: Buffer) => void;
}

/** Sockets that have not shaken hands count too: some more than connections. */
const UNSHAKEN_MAX = 256;

export class Listener {
  readonly #options: ListenOptions;
  readonly #rules: ListenerRules;
  readonly #server: Server;

  constructor(options: ListenOptions, rules: ListenerRules) {
    this.#options = options;
    this.#rules = rules;
    this.#server = createServer({
      headersTimeout: rules.handshakeTimeoutMs,
      requestTimeout: rules.handshakeTimeoutMs,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 8192,
    });
    this.#server.maxConnections = rules.connectionsMax + UNSHAKEN_MAX;
    this.#server.on('request', (_request, response) => {
      response.writeHead(426, { connection: 'close', 'content-type': 'text/plain' });
      response.end('Upgrade Required\n');
    });
    this.#server.on('upgrade', (request, socket, head) =>
      this.#upgrade(request, socket as Socket, head),
    );
  }

  /** The port it listens on. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { origin } = request.headers;
    if (origin !== undefined && !this.#options.originsAllowed.includes(origin)) {
      refuse(socket, refusal('403 Forbidden'));
      return;
    }
    if (!this.#rules.hasRoom()) {
      refuse(socket, refusal('503 Service Unavailable'));
      return;
    }
    const answer = answerUpgrade(request.method, request.headers);
    if (!answer.accepted) {
      refuse(socket, answer.response);
      return;
    }
    socket.write(answer.response);
    this.#rules.accepted(socket, head);
  }
}

function refuse(socket: Socket, response: string): void {
  socket.on('error', () => socket.destroy());
  socket.end(response);
}
