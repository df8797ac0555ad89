/** A client of a toy node, for tests. */
import { WebSocket } from 'ws';
import { eachOperation, TOY } from './toy-protocol.ts';

/** Counts answers by status and lets a test wait for them. */
export class ToyClient {
  readonly #webSocket: WebSocket;
  readonly answers: Map<number, number> = new Map();
  #changed: () => void = () => undefined;

  constructor(port: number) {
    this.#webSocket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    this.#webSocket.on('message', (data: Buffer) => {
      const copy = new Uint8Array(data);
      eachOperation(new Int32Array(copy.buffer), 0, (words, operation) => {
        this.answers.set(words[operation + TOY.requestId]!, words[operation + TOY.status]!);
      });
      this.#changed();
    });
  }

  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#webSocket.once('open', resolve);
      this.#webSocket.once('error', reject);
    });
  }

  send(frame: Int32Array): void {
    this.#webSocket.send(new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength));
  }

  async answered(count: number): Promise<void> {
    while (this.answers.size < count) {
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  closed(): Promise<number> {
    return new Promise((resolve) => this.#webSocket.once('close', resolve));
  }

  end(): void {
    this.#webSocket.close();
  }
}
