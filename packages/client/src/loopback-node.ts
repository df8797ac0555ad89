/**
 * A ScriptedNode behind a real WebSocket server on loopback: a store in memory, just enough of one to
 * prove the SDK's transports. Without conflicts: every put replaces.
 */
import type { AddressInfo } from 'node:net';
import { STATUS_OK } from '@clockwise/protocol/errors';
import { REQUEST_OPCODE } from '@clockwise/protocol/frame';
import { WebSocketServer, type WebSocket } from 'ws';
import { NOT_FOUND, OK, ScriptedNode, type ScriptedSibling } from './scripted-node.ts';

export class LoopbackNode {
  readonly node: ScriptedNode = new ScriptedNode();
  readonly #server: WebSocketServer;
  readonly #stored: Map<string, ScriptedSibling> = new Map();

  constructor(port: number) {
    this.#server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false });
    this.#server.on('connection', (socket) => this.#serve(socket));
    this.node.script = (request) => {
      const name = Buffer.from(request.key).toString('hex');
      switch (request.opcode) {
        case REQUEST_OPCODE.put:
          this.#stored.set(name, { codec: request.codec, bytes: request.value });
          return { status: STATUS_OK, context: [1, 2, 3, 4] };
        case REQUEST_OPCODE.delete:
          this.#stored.delete(name);
          return OK;
        default: {
          const sibling = this.#stored.get(name);
          if (sibling === undefined) return NOT_FOUND;
          return { status: STATUS_OK, context: [1, 2, 3, 4], siblings: [sibling] };
        }
      }
    };
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  listening(): Promise<void> {
    return new Promise((resolve) => this.#server.on('listening', resolve));
  }

  /** As a killed process does: without a word. */
  cutAll(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  close(): Promise<void> {
    this.cutAll();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: WebSocket): void {
    socket.on('message', (data: Buffer) => {
      const words = new Int32Array(data.length / 4);
      new Uint8Array(words.buffer).set(data);
      this.node.receive(words, words.length, (answer) =>
        socket.send(new Uint8Array(answer.buffer, 0, answer.length * 4)),
      );
    });
  }
}
