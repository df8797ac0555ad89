/**
 * One get (or a few, one after the other) in a coordinator's world: what each node was asked, what it
 * was sent to mend it, and what the client was shown. For tests; nothing in a running node imports it.
 */
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
  RESPONSE,
  RESPONSE_FLAG,
} from '@clockwise/protocol/frame';
import type { RequestFields } from '@clockwise/protocol/request-writer';
import { readSiblings } from '@clockwise/protocol/response-reader';
import { recordWordCount } from '@clockwise/record/layout';
import {
  CoordinatorWorld,
  field,
  opcodeOf,
  type ReplyFields,
  type Sent,
  statusOf,
  type WorldOptions,
} from '../coordinator-world.ts';
import { get } from '../requests/sample-requests.ts';

const CLIENT = 1;

/** What a replica says: a record, nothing, or that it could not read. */
export type Answer = Int32Array | 'nothing' | 'failed';

/** Of a response: positions that answered, those of them by their primary, and the flag. */
export interface Account {
  readonly answered: number;
  readonly primaries: number;
  readonly sloppy: boolean;
}

/** Its flags, and what befalls the world before it. */
export interface FirstGet {
  readonly flags?: number;
  readonly before?: (world: CoordinatorWorld) => void;
}

export class GetWorld {
  readonly world: CoordinatorWorld;
  /** By node: the last read that it was sent. */
  readonly reads: Map<number, Sent> = new Map();
  /** By node: whether that asked for a hinted copy. */
  readonly hinted: Map<number, boolean> = new Map();
  /** By node: records that it was sent to mend it, and the stores that were not answered yet. */
  readonly mended: Map<number, Int32Array[]> = new Map();
  readonly stores: Map<number, Sent[]> = new Map();
  /** Of the answers shown last. */
  accounts: readonly Account[] = [];
  #requests = 0;

  /** With the first get under way. */
  constructor(options: WorldOptions = {}, level = 0, first: FirstGet = {}) {
    this.world = CoordinatorWorld.linked(options);
    first.before?.(this.world);
    this.ask({ level, flags: first.flags ?? 0 });
  }

  ask(change: Partial<RequestFields>): void {
    this.#requests += 1;
    this.reads.clear();
    this.world.ask(CLIENT, get(this.#requests, 'k', change));
    this.#take();
  }

  /** The nodes that were sent a read, in the order of their numbers, then of their asking. */
  get asked(): number[] {
    return [...this.reads.keys()];
  }

  answers(node: number, answer: Answer): void {
    const status = answer === 'failed' ? ERRORS.READ_FAILED.code : STATUS_NOT_FOUND;
    const reply =
      typeof answer === 'string'
        ? { kind: REPLY_KIND.read, status }
        : { kind: REPLY_KIND.read, record: answer };
    this.replies(node, this.reads.get(node)!, reply);
  }

  /** Acknowledges, or refuses, the oldest store of a node. */
  acknowledges(node: number, status: number = STATUS_OK): void {
    this.replies(node, this.stores.get(node)!.shift()!, { kind: REPLY_KIND.stored, status });
  }

  replies(node: number, sent: Sent, reply: ReplyFields): void {
    if (node === 0) this.world.shardReplies([[sent, reply]]);
    else this.world.nodeReplies(node, sent, reply);
    this.#take();
  }

  passes(milliseconds: number): void {
    this.world.passes(milliseconds);
    this.#take();
  }

  cut(node: number): void {
    this.world.linkDown(node);
    this.#take();
  }

  suspect(node: number, state: 'up' | 'down' = 'down'): void {
    const message = { kind: 'peer-state', nodeId: `node-${node}`, state } as const;
    this.world.step([{ kind: 'told', from: 'gossiper', message }]);
    this.#take();
  }

  shardDown(): void {
    this.world.step([{ kind: 'channel-down', target: 0 }]);
    this.#take();
  }

  /** The client's answers: status, then the values shown. */
  shown(): (readonly [number, ...string[]])[] {
    const answers = this.world.sentTo(CLIENT);
    this.accounts = answers.map(accountOf);
    return answers.map((sent) => {
      const values = statusOf(sent) === STATUS_OK ? readSiblings(sent.words, sent.offset) : [];
      return [statusOf(sent), ...values.map(({ bytes }) => String.fromCharCode(...bytes))] as const;
    });
  }

  inFlight(): number {
    return this.world.figures()['inFlight'] as number;
  }

  #take(): void {
    this.world.ring.nodes.forEach((_, node) => {
      const sent = node === 0 ? this.world.sentToShard() : this.world.sentToNode(node);
      for (const operation of sent) {
        if (opcodeOf(operation) === REPLICA_OPCODE.read) {
          this.reads.set(node, operation);
          const flags = field(operation, OPERATION.opcode) >>> 8;
          this.hinted.set(node, (flags & REPLICA_REQUEST_FLAG.hint) !== 0);
        } else this.#mend(node, operation);
      }
    });
  }

  #mend(node: number, sent: Sent): void {
    const { words, offset } = sent;
    const start = offset + REPLICA_STORE_HEADER_WORDS;
    const repaired = words.slice(start, start + recordWordCount(words, start));
    this.mended.set(node, [...(this.mended.get(node) ?? []), repaired]);
    this.stores.set(node, [...(this.stores.get(node) ?? []), sent]);
  }
}

function accountOf(sent: Sent): Account {
  const answered = field(sent, RESPONSE.answered);
  const flags = (field(sent, RESPONSE.status) >>> 16) & 0xff;
  return {
    answered: answered & 0xff,
    primaries: (answered >>> 8) & 0xff,
    sloppy: (flags & RESPONSE_FLAG.sloppy) !== 0,
  };
}
