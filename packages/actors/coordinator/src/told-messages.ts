/**
 * What the other actors of this node tell the coordinator: who is suspected, what is owed, answers to
 * questions that were passed on, and questions of their own.
 */
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import {
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REQUEST,
  TAG,
} from '@clockwise/protocol/frame';
import type { CoordinatorContext } from './coordinator-context.ts';
import type { HandOffCore } from './hand-off/hand-off-core.ts';
import { hintsMessage } from './hand-off/owed-records.ts';
import { leavePartition, oweRange, passAnswer } from './hand-off/partition-leave.ts';
import type { PassedQuestions } from './peers/passed-questions.ts';
import type { Sweep } from './requests/sweep.ts';

/** Who is told what. */
export interface ToldParts {
  readonly sweep: Sweep;
  readonly handOff: HandOffCore;
  readonly questions: PassedQuestions;
}

export function takeMessage(
  context: CoordinatorContext,
  parts: ToldParts,
  message: ActorMessage,
): void {
  const { sweep, handOff, questions } = parts;
  if (message.kind === 'peer-state') {
    const node = context.ring.nodes.findIndex((other) => other.nodeId === message.nodeId);
    if (node < 0) return;
    const isDown = message.state === 'down';
    context.suspected[node] = isDown ? 1 : 0;
    if (isDown) sweep.suspected(node);
    if (message.state === 'up') handOff.nodeUsable(node);
  } else if (message.kind === 'status') {
    const { json } = message;
    questions.answer(message.request, (requestId) => ({ kind: 'status', requestId, json }));
  } else if (message.kind === 'admin') {
    const { json } = message;
    questions.answer(message.request, (requestId) => ({
      kind: 'adminReply',
      requestId,
      json,
    }));
  } else if (message.kind === 'ring') {
    const { bytes } = message;
    questions.answer(message.request, (requestId) => ({ kind: 'ring', requestId, bytes }));
  } else if (message.kind === 'range-owed') {
    oweRange(context, message);
  } else if (message.kind === 'partition-given-up') {
    leavePartition(context, message);
  } else if (message.kind === 'partition-answer') {
    passAnswer(context, message);
  } else if (message.kind === 'probe') {
    probeShards(context, message.probe);
  } else if (message.kind === 'figures-wanted') {
    const figures = {
      ...context.counters,
      inFlight: context.slots.inUse,
      admissionLimit: context.admission.limit,
    };
    const reply: ActorMessage = { kind: 'figures', request: message.request, figures };
    const hints = hintsMessage(context.ring, context.ledger, context.wallTimeMs);
    context.out.effect({ kind: 'tell', to: 'main', message: hints });
    context.out.effect({ kind: 'tell', to: 'main', message: reply });
  }
}

/** The gossiper asks whether the data path lives: through a shard, and back (DESIGN.md, section 4). */
function probeShards(context: CoordinatorContext, probe: number): void {
  for (let shard = 0; shard < context.shards.length; shard += 1) {
    if (context.shardIsUp[shard] === 0 || !context.shardTakesProbe(shard)) continue;
    const sink = context.toShard(shard);
    const offset = sink.begin(TAG.replicaRequest, REPLICA_READ_HEADER_WORDS);
    if (offset < 0) continue;
    sink.words.fill(0, offset, offset + REPLICA_READ_HEADER_WORDS);
    sink.words[offset + REPLICA_REQUEST.opcode] = REPLICA_OPCODE.probe;
    sink.words[offset + REPLICA_REQUEST.slot] = probe;
    sink.end(REPLICA_READ_HEADER_WORDS);
    context.shardInFlight[shard] = context.shardInFlight[shard]! + 1;
  }
}

/** A shard has answered. */
export function answerProbe(context: CoordinatorContext, probe: number): void {
  const message: ActorMessage = { kind: 'probe-answer', probe };
  context.out.effect({ kind: 'tell', to: 'gossiper', message });
}
