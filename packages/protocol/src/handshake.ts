/**
 * Who may speak on a connection, and what. Pure: the gateway keeps one state per connection, asks
 * here, and closes the connection with a `goodbye` where the answer is a refusal.
 *
 *     served:   awaitingHello ----hello accepted----> client | peer -----> closed
 *     dialled:  awaitingWelcome --welcome accepted--> server | peer -----> closed
 *
 * Invariants:
 *   HS1 nothing but a hello is believed before a hello, nothing but a welcome before a welcome
 *   HS2 two nodes that differ in cluster, protocol or (for the same epoch) ring never talk; nor do
 *       coordinators of two epochs, whose operations name positions of replica lists. Gossip goes on
 *   HS3 nobody sends what its role does not send: answers come only from who is asked
 */
import { unreachable } from '@clockwise/kernel/assert';
import { CONTROL_MESSAGES } from './control-messages.ts';
import type { ControlKind, Endpoint, Hello, Welcome, Word64 } from './control-messages.ts';
import type { ErrorName } from './errors.ts';
import { TAG } from './frame.ts';

/** What the other side of a connection is. Small integers: the gateway looks once per frame. */
export const CONNECTION = {
  /** They dialled; we wait for their hello. */
  awaitingHello: 0,
  /** We dialled and said hello; we wait for their welcome. */
  awaitingWelcome: 1,
  /** A client that we serve. */
  client: 2,
  /** A node whose client we are. */
  server: 3,
  /** A node that is our peer, whoever dialled. */
  peer: 4,
  closed: 5,
} as const;
export type ConnectionState = (typeof CONNECTION)[keyof typeof CONNECTION];

/** What a node knows of itself when it judges another. */
export interface Self {
  /** Whose port this connection is on. */
  readonly endpoint: Endpoint;
  readonly protocolVersionMin: number;
  readonly protocolVersionMax: number;
  /** Empty: a client that does not know. */
  readonly clusterId: string;
  /** Empty: a client. */
  readonly nodeId: string;
  /** The node's boot id, or the client's session. */
  readonly session: Word64;
  readonly epoch: number;
  readonly ringHash: string;
  /** Node ids of the ring at `epoch`; empty: not known yet. */
  readonly members: readonly string[];
}

export type HandshakeVerdict =
  | { readonly accept: true; readonly version: number }
  | { readonly accept: false; readonly error: ErrorName; readonly text: string };

/** The dialled side's judgement. */
export function judgeHello(hello: Hello, self: Self): HandshakeVerdict {
  if (hello.protocolVersionMin > hello.protocolVersionMax) {
    return refuse('BAD_REQUEST', 'the range of protocol versions is empty');
  }
  const version = Math.min(hello.protocolVersionMax, self.protocolVersionMax);
  if (version < Math.max(hello.protocolVersionMin, self.protocolVersionMin)) {
    const theirs = `${hello.protocolVersionMin} to ${hello.protocolVersionMax}`;
    const ours = `${self.protocolVersionMin} to ${self.protocolVersionMax}`;
    return refuse('WRONG_VERSION', `you speak protocol versions ${theirs}, this node ${ours}`);
  }
  switch (hello.role) {
    case 'client':
      return judgeClient(hello, self, version);
    case 'peer':
      return judgePeer(hello, self, version, sameWord(hello.session, self.session));
    default:
      return unreachable(hello.role);
  }
}

/** The dialling side's judgement. `nodeIdExpected` is empty where the address is all that is known. */
export function judgeWelcome(
  welcome: Welcome,
  self: Self,
  nodeIdExpected: string,
): HandshakeVerdict {
  const version = welcome.protocolVersion;
  if (version < self.protocolVersionMin || version > self.protocolVersionMax) {
    return refuse('WRONG_VERSION', `the node chose protocol version ${version}`);
  }
  if (nodeIdExpected !== '' && welcome.nodeId !== nodeIdExpected) {
    return refuse('WRONG_RING', `expected node ${nodeIdExpected}, met node ${welcome.nodeId}`);
  }
  if (self.endpoint === 'client') {
    if (self.clusterId !== '' && welcome.clusterId !== self.clusterId) {
      return wrongCluster(welcome.clusterId, self.clusterId);
    }
    return { accept: true, version };
  }
  return judgePeer(welcome, self, version, sameWord(welcome.bootId, self.session));
}

/** The state after an accepted hello or welcome. */
export function stateAfterHello(hello: Hello): ConnectionState {
  return hello.role === 'client' ? CONNECTION.client : CONNECTION.peer;
}
export function stateAfterWelcome(self: Self): ConnectionState {
  return self.endpoint === 'client' ? CONNECTION.server : CONNECTION.peer;
}

/**
 * Whether a frame of this tag may come on a connection in this state. Whether an answer belongs to
 * a question is known only to who asked: it drops and counts those that do not.
 */
export function admitsTag(state: ConnectionState, tag: number): boolean {
  if (tag < 0 || tag > TAG.control) return false;
  return ((TAGS_ADMITTED[state] ?? 0) & (1 << tag)) !== 0;
}

/** Whether this control message may come to `local` on a connection in this state. */
export function admitsControl(state: ConnectionState, local: Endpoint, kind: ControlKind): boolean {
  switch (state) {
    case CONNECTION.awaitingHello:
      return kind === 'hello' || kind === 'goodbye';
    case CONNECTION.awaitingWelcome:
      return kind === 'welcome' || kind === 'goodbye';
    case CONNECTION.client:
      return passes(kind, 'client', local);
    case CONNECTION.server:
      return passes(kind, 'coordinator', local);
    case CONNECTION.peer:
      return passes(kind, local, local);
    case CONNECTION.closed:
      return false;
    default:
      return unreachable(state);
  }
}

const CONTROL_BIT = 1 << TAG.control;
const TAGS_ADMITTED: readonly number[] = [
  CONTROL_BIT,
  CONTROL_BIT,
  CONTROL_BIT | (1 << TAG.request),
  CONTROL_BIT | (1 << TAG.response),
  CONTROL_BIT |
    (1 << TAG.request) |
    (1 << TAG.response) |
    (1 << TAG.replicaRequest) |
    (1 << TAG.replicaReply),
  0,
];

function passes(kind: ControlKind, source: Endpoint, target: Endpoint): boolean {
  if (kind === 'hello' || kind === 'welcome') return false;
  const sources: readonly Endpoint[] = CONTROL_MESSAGES[kind].source;
  const targets: readonly Endpoint[] = CONTROL_MESSAGES[kind].target;
  return sources.includes(source) && targets.includes(target);
}

function judgeClient(hello: Hello, self: Self, version: number): HandshakeVerdict {
  if (self.endpoint !== 'coordinator') {
    return refuse('BAD_REQUEST', `clients are not served on the port of the ${self.endpoint}`);
  }
  if (hello.clusterId !== '' && hello.clusterId !== self.clusterId) {
    return wrongCluster(hello.clusterId, self.clusterId);
  }
  return { accept: true, version };
}

function judgePeer(
  other: Pick<Hello, 'clusterId' | 'nodeId' | 'epoch' | 'ringHash'>,
  self: Self,
  version: number,
  isSameProcess: boolean,
): HandshakeVerdict {
  if (other.clusterId !== self.clusterId) return wrongCluster(other.clusterId, self.clusterId);
  if (other.nodeId === '') return refuse('BAD_REQUEST', 'a peer names its node');
  if (other.nodeId === self.nodeId) {
    const text = isSameProcess
      ? 'a node does not connect to itself'
      : `another process calls itself node ${self.nodeId}`;
    return refuse('BAD_REQUEST', text);
  }
  if (other.epoch !== self.epoch) {
    if (self.endpoint !== 'coordinator') return { accept: true, version };
    return refuse(
      'STALE_EPOCH',
      `the ring of ${other.nodeId} is of epoch ${other.epoch}, not ${self.epoch}`,
    );
  }
  if (other.ringHash !== self.ringHash) {
    return refuse('WRONG_RING', `the rings of epoch ${self.epoch} differ`);
  }
  if (self.members.length > 0 && !self.members.includes(other.nodeId)) {
    return refuse('WRONG_RING', `node ${other.nodeId} is not in the ring of epoch ${self.epoch}`);
  }
  return { accept: true, version };
}

function wrongCluster(theirs: string, ours: string): HandshakeVerdict {
  return refuse('WRONG_CLUSTER', `expected cluster ${ours}, met cluster ${theirs}`);
}

function refuse(error: ErrorName, text: string): HandshakeVerdict {
  return { accept: false, error, text };
}

function sameWord(left: Word64, right: Word64): boolean {
  return left.high === right.high && left.low === right.low;
}
