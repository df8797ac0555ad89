/**
 * Commands of an operator to nodes, each asked by itself through its own coordinator, and how each took
 * it.
 *
 * Invariants:
 *   AN1 a node does only what was meant for it: the request names it, whoever answers at its address
 *   AN2 where a connection ends or the time is over before the answer, a change may have been made, and
 *       that is said
 */
import { ClockwiseError, connect } from '@clockwise/client';
import type {
  AdminAnswer,
  AdminRefusal,
  SnapshotArgument,
} from '@clockwise/server/snapshots/snapshot-report';
import { unreachable } from '@clockwise/kernel/assert';
import { knownNodes, type KnownNode } from '../cluster-status.ts';
import { Refusal, UsageError } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import type { FoundCluster } from '../find-cluster.ts';
import { unreachableReason } from '../tcp-reach.ts';

export type NodeAnswer<Result> =
  | { readonly kind: 'done'; readonly nodeId: string; readonly result: Result }
  | {
      readonly kind: 'refused';
      readonly nodeId: string;
      readonly code: AdminRefusal;
      readonly reasons: readonly string[];
    }
  /** Nothing was done. */
  | { readonly kind: 'unreachable'; readonly nodeId: string; readonly reason: string }
  /** [AN2] */
  | { readonly kind: 'unknown'; readonly nodeId: string; readonly reason: string };

export interface NodeCommand {
  readonly command: 'snapshot-create' | 'snapshot-list' | 'snapshot-drop';
  /** Of the snapshot; empty for a list. */
  readonly name: string;
  readonly timeoutMs: number;
}

const REACH_TIMEOUT_MS = 3000;

/** All of the ring; `nodeId`: that one. */
export async function nodesMeant(
  found: FoundCluster,
  nodeId: string | undefined,
): Promise<readonly KnownNode[]> {
  const nodes = await knownNodes(found, REACH_TIMEOUT_MS);
  if (nodes === undefined) {
    throw new Refusal(
      `none of ${found.servers.join(', ')} answers. Next: start one of them, or name another one ` +
        'with --connect',
      EXIT.unreachable,
    );
  }
  if (nodeId === undefined) return nodes;
  const meant = nodes.filter((node) => node.nodeId === nodeId);
  if (meant.length > 0) return meant;
  const names = nodes.map((node) => node.nodeId).join(', ');
  throw new UsageError(`there is no node "${nodeId}"; there is ${names}`);
}

/** All at once. */
export function askNodes<Result>(
  nodes: readonly KnownNode[],
  command: NodeCommand,
): Promise<readonly NodeAnswer<Result>[]> {
  return Promise.all(nodes.map((node) => askNode<Result>(node, command)));
}

async function askNode<Result>(
  { nodeId, address }: KnownNode,
  { command, name, timeoutMs }: NodeCommand,
): Promise<NodeAnswer<Result>> {
  const reason = await unreachableReason(address, REACH_TIMEOUT_MS);
  if (reason !== undefined) return { kind: 'unreachable', nodeId, reason };
  let wasConnected = false;
  try {
    const database = await connect({ servers: address, connectTimeoutMs: REACH_TIMEOUT_MS });
    wasConnected = true;
    try {
      // [AN1]
      const argument: SnapshotArgument = { nodeId, name };
      const answer = await database.admin(command, JSON.stringify(argument), timeoutMs);
      return answerOf<Result>(nodeId, answer as AdminAnswer<Result>);
    } finally {
      database.close();
    }
  } catch (error) {
    if (!(error instanceof ClockwiseError)) throw error;
    // [AN2]
    const kind = wasConnected && command !== 'snapshot-list' ? 'unknown' : 'unreachable';
    return { kind, nodeId, reason: error.message };
  }
}

function answerOf<Result>(nodeId: string, answer: AdminAnswer<Result>): NodeAnswer<Result> {
  if (answer.ok) return { kind: 'done', nodeId, result: answer.result };
  return { kind: 'refused', nodeId, code: answer.code, reasons: answer.reasons };
}

/**
 * Without those that had no such snapshot, where another had: a drop of all nodes is done when it is
 * nowhere.
 */
function counted(all: readonly NodeAnswer<unknown>[]): readonly NodeAnswer<unknown>[] {
  const isDone = all.some(({ kind }) => kind === 'done');
  return isDone ? all.filter((answer) => !isAbsence(answer)) : all;
}

function isAbsence(answer: NodeAnswer<unknown>): boolean {
  return answer.kind === 'refused' && answer.code === 'NO_SUCH_SNAPSHOT';
}

/** Of all nodes together: what is unknown outweighs all; where some did it and some did not, `negative`. */
export function exitCodeOf(all: readonly NodeAnswer<unknown>[]): ExitCode {
  const answers = counted(all);
  const has = (kind: NodeAnswer<unknown>['kind']): boolean =>
    answers.some((answer) => answer.kind === kind);
  if (has('unknown')) return EXIT.unknownOutcome;
  if (answers.every((answer) => answer.kind === 'done')) return EXIT.ok;
  if (has('done')) return EXIT.negative;
  if (!has('refused')) return EXIT.unreachable;
  return answers.every(isAbsence) ? EXIT.negative : EXIT.refused;
}

/** A line for each node that did not do it, which ends in the next command. */
export function faultLines(
  all: readonly NodeAnswer<unknown>[],
  { self }: FoundCluster,
): readonly string[] {
  return counted(all).flatMap((answer) => {
    const { kind, nodeId } = answer;
    switch (kind) {
      case 'done':
        return [];
      case 'refused': {
        const next = self(NEXT[answer.code]);
        return [`${nodeId}: ${answer.code}: ${answer.reasons.join('; ')}. Next: ${next}`];
      }
      case 'unreachable':
        return [`${nodeId}: ${answer.reason}; nothing was done there. Next: ${self('status')}`];
      case 'unknown': {
        const next = self('snapshot list');
        return [`${nodeId}: ${answer.reason}; it may have been done or not. Next: ${next}`];
      }
      default:
        return unreachable(kind);
    }
  });
}

const NEXT: Readonly<Record<AdminRefusal, string>> = {
  BAD_REQUEST: 'help snapshot',
  WRONG_NODE: 'status',
  NAME_TAKEN: 'snapshot list',
  NO_SUCH_SNAPSHOT: 'snapshot list',
  BUSY: 'snapshot list',
  TOO_MANY: 'snapshot list',
  SHARD_DOWN: 'status',
  DISK_FULL: 'status',
  FAILED: 'status',
};
