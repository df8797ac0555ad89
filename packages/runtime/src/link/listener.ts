/**
 * Listener: the server side of the WebSocket handshake, over node:http, and what is refused before a
 * connection exists: plain requests, foreign browsers, too many.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Browsers of other origins are denied; clients that are no browsers send none. */
  readonly originsAllowed: readonly string[];
}

export interface ListenerRules {
  readonly frameBytesMax: number;
  readonly handshakeTimeoutMs: number;
  readonly connectionsMax: number;
  /** Whether one more connection fits. */
  readonly hasRoom: () => boolean;
  readonly accepted: (webSocket: WebSocket, socket: Socket) => void;
}

/** Sockets that have not shaken hands count too: some more than connections. */
const UNSHAKEN_MAX = 256;

export class Listener {
  readonly #options: ListenOptions;
  readonly #rules: ListenerRules;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;

  constructor(options: ListenOptions, rules: ListenerRules) {
    this.#options = options;
    this.#rules = rules;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: rules.frameBytesMax,
      maxFragments: 64,
      maxBufferedChunks: 4096,
      maxPendingAutoPongs: 4,
    } as ConstructorParameters<typeof WebSocketServer>[0]);
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
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
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

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { origin } = request.headers;
    if (origin !== undefined && !this.#options.originsAllowed.includes(origin)) {
      refuse(socket, '403 Forbidden');
    } else if (!this.#rules.hasRoom()) {
      refuse(socket, '503 Service Unavailable');
    } else {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#rules.accepted(webSocket, socket as Socket);
      });
    }
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
