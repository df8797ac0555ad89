/** A connected client: buckets, and questions to the cluster itself. */
import type { Welcome } from '@clockwise/protocol/control-messages';
import { Bucket, type BucketOptions, type Engine } from './bucket.ts';
import { ClockwiseError, badRequest } from './errors.ts';

/** The ring as its node has it: bytes for whoever can read rings. */
export interface RingAnswer {
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

export interface ConnectionInfo {
  readonly address: string;
  readonly isReady: boolean;
  readonly inFlightCount: number;
}

export class Database {
  readonly #engine: Engine;
  readonly #timeoutMs: number;

  constructor(engine: Engine, timeoutMs: number) {
    this.#engine = engine;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether there is such a bucket is known when it is used: NO_SUCH_BUCKET. */
  bucket(name: string = 'default', options: BucketOptions = {}): Bucket {
    if (name === '') throw badRequest('a bucket has a name');
    return new Bucket(this.#engine, name, options);
  }

  /** What the last welcome said: cluster, node, epoch, limits, buckets, addresses. */
  get cluster(): Welcome {
    const { welcome } = this.#engine.membership;
    if (welcome === undefined) throw new ClockwiseError('NOT_READY');
    return welcome;
  }

  /** All coordinators that this client knows. */
  get addresses(): readonly string[] {
    return this.#engine.membership.addresses;
  }

  get connections(): readonly ConnectionInfo[] {
    return this.#engine.dispatcher.connections.map(({ address, isReady, inFlightCount }) => ({
      address,
      isReady,
      inFlightCount,
    }));
  }

  /** The status of the node that this client is connected to, and of the cluster as that node sees it. */
  async status(timeoutMs: number = this.#timeoutMs): Promise<unknown> {
    const { control } = this.#engine.dispatcher;
    const answer = await control.ask({ kind: 'statusRequest' }, timeoutMs);
    if (answer.kind !== 'status') throw new ClockwiseError('BAD_FRAME');
    return JSON.parse(answer.json) as unknown;
  }

  async ring(timeoutMs: number = this.#timeoutMs): Promise<RingAnswer> {
    const { control } = this.#engine.dispatcher;
    const answer = await control.ask({ kind: 'ringRequest' }, timeoutMs);
    if (answer.kind !== 'ring') throw new ClockwiseError('BAD_FRAME');
    return { epoch: this.cluster.epoch, bytes: answer.bytes };
  }

  async admin(
    command: string,
    argument: string = '',
    timeoutMs: number = this.#timeoutMs,
  ): Promise<unknown> {
    const { control } = this.#engine.dispatcher;
    const answer = await control.ask({ kind: 'adminRequest', command, argument }, timeoutMs);
    if (answer.kind !== 'adminReply') throw new ClockwiseError('BAD_FRAME');
    return JSON.parse(answer.json) as unknown;
  }

  /** Operations that have no answer yet fail as CLOSED; nothing keeps the process alive any more. */
  close(): void {
    this.#engine.dispatcher.close();
  }
}
