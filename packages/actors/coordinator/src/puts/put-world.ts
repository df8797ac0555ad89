/**
 * One put in a coordinator's world: what nodes were sent and for which positions, what was noted as owed,
 * and what the client was answered. For tests; nothing in a running node imports it.
 */
import { assert } from '@clockwise/kernel/assert';
import { STATUS_OK } from '@clockwise/protocol/errors';
import {
  REPLICA_NOTE,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLY_KIND,
  REQUEST_FLAG,
  RESPONSE_FLAG,
  TAG,
} from '@clockwise/protocol/frame';
import {
  responseFlags,
  responsePrimaries,
  responseReplicas,
} from '@clockwise/protocol/response-reader';
import { HIDDEN_BUCKET, OWED } from '@clockwise/record/hidden';
import {
  CoordinatorWorld,
  field,
  opcodeOf,
  type Sent,
  statusOf,
  type WorldOptions,
} from '../coordinator-world.ts';
import { put, record } from '../requests/sample-requests.ts';

export const CLIENT = 1;
export const MERGED: Int32Array = record({ dots: [[9, 1]] });
export const LATE_MS = 100;

/** Five nodes, three copies; this node is on the list unless another list is named. */
export function world(options: WorldOptions = {}): CoordinatorWorld {
  return CoordinatorWorld.linked({
    nodeCount: 5,
    replicas: [0, 1, 2],
    limits: { lateAcksMs: LATE_MS },
    ...options,
  });
}

export function suspect(one: CoordinatorWorld, node: number): void {
  const message = { kind: 'peer-state', nodeId: `node-${node}`, state: 'down' } as const;
  one.step([{ kind: 'told', from: 'gossiper', message }]);
}

export function flagsOf(sent: Sent): number {
  return (field(sent, REPLICA_REQUEST.opcode) >>> 8) & 0xff;
}

/** The positions that a hinted copy names as owed; 0 of a plain one. */
export function owedOf(sent: Sent): number {
  const isHint = (flagsOf(sent) & REPLICA_REQUEST_FLAG.hint) !== 0;
  const word = opcodeOf(sent) === REPLICA_OPCODE.write ? REPLICA_REQUEST.owed : REPLICA_STORE.owed;
  assert(isHint === (field(sent, word) !== 0), 'a hinted copy says to whom it is owed');
  return field(sent, word) & OWED.positionMask;
}

/** Asks for a put; its write at the own shard. */
export function writeOf(one: CoordinatorWorld, level = 2, flags = 0): Sent {
  one.ask(CLIENT, put(1, 'k', 'value', { level, flags }));
  const sent = one.sentToShard();
  const [write] = sent;
  const isWrite = write !== undefined && opcodeOf(write) === REPLICA_OPCODE.write;
  assert(isWrite && sent.length === 1, 'the own shard makes the dot');
  return write;
}

export function acknowledge(one: CoordinatorWorld, node: number, status: number = STATUS_OK): void {
  const [store] = stores.get(one)!.get(node)!;
  one.nodeReplies(node, store!, { kind: REPLY_KIND.stored, status });
}

const stores: WeakMap<CoordinatorWorld, Map<number, Sent[]>> = new WeakMap();

/** By node: the copies that it was sent since this was last asked. */
export function copies(one: CoordinatorWorld): Map<number, number> {
  const found = new Map<number, Sent[]>();
  for (let node = 1; node < one.ring.nodes.length; node += 1) {
    const sent = one.sentToNode(node).filter(({ tag }) => tag === TAG.replicaRequest);
    if (sent.length > 0) found.set(node, sent);
  }
  stores.set(one, new Map([...(stores.get(one) ?? []), ...found]));
  return new Map([...found].map(([node, sent]) => [node, owedOf(sent[0]!)]));
}

/** The positions that the own shard was told to note as owed. */
export function notes(one: CoordinatorWorld): number[] {
  return one.sentToShard().flatMap((sent) => {
    if (opcodeOf(sent) !== REPLICA_OPCODE.note) return [];
    const bucketId = field(sent, REPLICA_REQUEST.bucketId);
    assert(bucketId === HIDDEN_BUCKET.mark, 'a note is a mark');
    return [field(sent, REPLICA_NOTE.owed) & OWED.positionMask];
  });
}

export function answers(one: CoordinatorWorld): (readonly [number, number, number, boolean])[] {
  return one.sentTo(CLIENT).map(({ words, offset, tag }) => {
    const isSloppy = (responseFlags(words, offset) & RESPONSE_FLAG.sloppy) !== 0;
    const status = statusOf({ words, offset, tag });
    return [status, responseReplicas(words, offset), responsePrimaries(words, offset), isSloppy];
  });
}

/** A retried put: its questions, by node. */
export function asked(one: CoordinatorWorld, level = 2): Map<number, Sent> {
  one.ask(CLIENT, put(1, 'k', 'value', { level, flags: REQUEST_FLAG.retry, ageMs: 300 }));
  const questions = new Map<number, Sent>([[0, one.sentToShard()[0]!]]);
  for (let node = 1; node < one.ring.nodes.length; node += 1) {
    for (const sent of one.sentToNode(node)) questions.set(node, sent);
  }
  for (const sent of questions.values()) {
    assert(opcodeOf(sent) === REPLICA_OPCODE.read, 'whoever may know it is asked');
  }
  return questions;
}

/** A record that knows the operation of session 5, sequence 1. */
export const KNOWN: Int32Array = record({ dots: [[5, 1]], seen: [[9, 1]] });
