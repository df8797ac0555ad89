/**
 * Frames that come by connections, from clients, peers and links: checked, and given to who serves
 * what they hold. [C1] Here it is refused what was not greeted or is not valid.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { sometimes } from '@clockwise/kernel/probe';
import type { ConnectionKeeper, KeeperResult } from '@clockwise/protocol/connection-keeper';
import { CONNECTION_STATE } from '@clockwise/protocol/connection-table';
import type { ControlMessage } from '@clockwise/protocol/control-messages';
import { TAG } from '@clockwise/protocol/frame';
import { rejectionName } from '@clockwise/protocol/rejections';
import { frameTag, validateFrameHeader } from '@clockwise/protocol/validate-frame';
import {
  validateReplicaReplyFrame,
  validateReplicaRequestFrame,
} from '@clockwise/protocol/validate-replica';
import { validateRequestFrame } from '@clockwise/protocol/validate-request';
import { validateResponseFrame } from '@clockwise/protocol/validate-response';
import { recordLimits, type RecordLimits } from '@clockwise/record/validate';
import type { CoordinatorContext } from './coordinator-context.ts';
import type { HandOffCore } from './hand-off/hand-off-core.ts';
import type { PassedQuestions } from './peers/passed-questions.ts';
import { relayFrame } from './peers/peer-relay.ts';
import { onProxiedFrame } from './peers/proxy-core.ts';
import type { ReplyDispatch } from './peers/reply-dispatch.ts';
import type { RequestIntake } from './requests/request-intake.ts';

/** Who serves what frames hold. */
export interface FrameServers {
  readonly intake: RequestIntake;
  readonly replies: ReplyDispatch;
  readonly handOff: HandOffCore;
  readonly questions: PassedQuestions;
}

export class ConnectionFrames {
  readonly #context: CoordinatorContext;
  readonly #keeper: ConnectionKeeper;
  readonly #intake: RequestIntake;
  readonly #replies: ReplyDispatch;
  readonly #handOff: HandOffCore;
  readonly #questions: PassedQuestions;
  readonly #recordLimits: RecordLimits;

  constructor(context: CoordinatorContext, keeper: ConnectionKeeper, servers: FrameServers) {
    this.#context = context;
    this.#keeper = keeper;
    this.#intake = servers.intake;
    this.#replies = servers.replies;
    this.#handOff = servers.handOff;
    this.#questions = servers.questions;
    this.#recordLimits = recordLimits(context.limits);
  }

  take(connection: number, words: Int32Array, frame: number, wordCount: number): void {
    const context = this.#context;
    const { limits } = context;
    const state = this.#keeper.table.state[connection];
    // A connection that we have closed may have sent more before it heard of that.
    const isLive = this.#keeper.table.isLive(connection);
    sometimes(!isLive, 'coordinator: a frame comes by a connection that we have closed');
    if (!isLive) return;
    const rejection = validateFrameHeader(words, frame, wordCount, limits);
    if (rejection !== 0) {
      this.#reject(connection, rejection);
      return;
    }
    const tag = frameTag(words, frame);
    if (tag === TAG.control) {
      this.#takeControl(
        connection,
        this.#keeper.takeControl(connection, words, frame, wordCount, context.out),
      );
      return;
    }
    if (state === CONNECTION_STATE.client || state === CONNECTION_STATE.peer) {
      this.#takeRequests(connection, state, tag, words, frame, wordCount);
    } else if (state === CONNECTION_STATE.link) {
      this.#takeAnswers(connection, tag, words, frame, wordCount);
    } else {
      this.#keeper.reject(connection, 'operations before the greeting', context.out);
    }
  }

  #takeRequests(
    connection: number,
    state: number,
    tag: number,
    words: Int32Array,
    frame: number,
    wordCount: number,
  ): void {
    const { limits } = this.#context;
    if (tag === TAG.request) {
      const rejection = validateRequestFrame(words, frame, wordCount, limits);
      if (rejection !== 0) this.#reject(connection, rejection);
      else this.#intake.takeFrame(connection, words, frame);
    } else if (tag === TAG.replicaRequest && state === CONNECTION_STATE.peer) {
      const rejection = validateReplicaRequestFrame(
        words,
        frame,
        wordCount,
        limits,
        this.#recordLimits,
      );
      if (rejection !== 0) this.#reject(connection, rejection);
      else relayFrame(this.#context, connection, words, frame);
    } else {
      this.#keeper.reject(connection, 'a frame of the wrong kind', this.#context.out);
    }
  }

  #takeAnswers(
    connection: number,
    tag: number,
    words: Int32Array,
    frame: number,
    wordCount: number,
  ): void {
    const { limits } = this.#context;
    if (tag === TAG.replicaReply) {
      const rejection = validateReplicaReplyFrame(
        words,
        frame,
        wordCount,
        limits,
        this.#recordLimits,
      );
      if (rejection !== 0) this.#reject(connection, rejection);
      else this.#replies.takeLinkFrame(this.#keeper.table.node[connection]!, words, frame);
    } else if (tag === TAG.response) {
      const rejection = validateResponseFrame(words, frame, wordCount, limits, this.#recordLimits);
      if (rejection !== 0) this.#reject(connection, rejection);
      else onProxiedFrame(this.#context, this.#keeper.table.node[connection]!, words, frame);
    } else {
      this.#keeper.reject(connection, 'a frame of the wrong kind', this.#context.out);
    }
  }

  #reject(connection: number, rejection: number): void {
    this.#context.counters.framesRejected += 1;
    const reason = rejectionName(rejection) ?? 'a bad frame';
    this.#keeper.reject(connection, reason, this.#context.out);
  }

  #takeControl(connection: number, result: KeeperResult): void {
    switch (result.kind) {
      case 'nothing':
        return;
      case 'link-up':
        this.#handOff.nodeUsable(result.node);
        return;
      case 'message':
        this.#takeMessage(connection, result.message);
        return;
      default:
        unreachable(result);
    }
  }

  #takeMessage(connection: number, message: ControlMessage): void {
    if (message.kind === 'ringRequest') {
      this.#questions.pass(connection, message.requestId, 'ring-manager', (request) => ({
        kind: 'ring-wanted',
        request,
      }));
    } else if (message.kind === 'statusRequest') {
      this.#questions.pass(connection, message.requestId, 'main', (request) => ({
        kind: 'status-wanted',
        request,
      }));
    } else if (message.kind === 'adminRequest') {
      const { command, argument } = message;
      this.#questions.pass(connection, message.requestId, 'main', (request) => ({
        kind: 'admin-wanted',
        request,
        command,
        argument,
      }));
    } else {
      const { out } = this.#context;
      this.#keeper.reject(connection, `${message.kind} is not served here`, out);
    }
  }
}
