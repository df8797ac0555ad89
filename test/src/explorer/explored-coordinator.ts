/**
 * The real coordinator's core as a function of its inputs. One input is one step. Its clock stands
 * still but for its timer: that fires when the explorer says, and then it is that late.
 *
 * Dials and redials belong to the world (world-steps.ts links nodes), so `dial` effects and the
 * keeper's timer are passed over.
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import { FrameList } from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { CoordinatorCore, type CoordinatorEvent } from '@clockwise/coordinator/coordinator-core';
import type { CoordinatorEffect } from '@clockwise/coordinator/coordinator-context';
import { connectionOfRoute } from '@clockwise/protocol/connection-table';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_REPLY,
  TAG,
} from '@clockwise/protocol/frame';
import { frameTag } from '@clockwise/protocol/validate-frame';
import { StepOutput } from '@clockwise/simulator/step-output';
import {
  EXPLORED_LIMITS,
  type ExploredSetting,
  nodeName,
  SHARD,
  WALL_TIME_MS,
} from './explored-setting.ts';
import type { Frame, InternedFrames } from './interned-frames.ts';
import { type LiveActor, LocalHistories, type LocalState } from './local-histories.ts';

export interface CoordinatorOpening {
  readonly node: number;
  readonly boot: number;
}

export type CoordinatorInput =
  | { readonly kind: 'event'; readonly event: CoordinatorEvent }
  /** A peer's link to this node is gone. */
  | { readonly kind: 'peer-gone'; readonly connection: number }
  | { readonly kind: 'timer' }
  /** `source` as cores number it: a shard, or a connection from CONNECTION_TARGET on. */
  | { readonly kind: 'frame'; readonly source: number; readonly frame: Frame };

export interface CoordinatorOutput {
  readonly now: number;
  /** When its sweep is due; Infinity: it is not armed. */
  readonly sweepAt: number;
  /** All frames so far, by connection. */
  readonly sent: ReadonlyMap<number, readonly Frame[]>;
  /** Of the last step: operations for the shard. */
  readonly toShard: readonly Frame[];
  /** Connections that it closed of itself, and why: none in a world where nobody errs. */
  readonly hungUp: readonly string[];
  /** Of the core. */
  readonly hash: number;
}

export type CoordinatorState = LocalState<CoordinatorOutput>;
export type CoordinatorHistories = LocalHistories<
  CoordinatorOpening,
  CoordinatorInput,
  CoordinatorOutput
>;

/** As the core numbers its timers: append-only there. */
const TIMER = { sweep: 1, connections: 2 } as const;
const POISON = 0x5a5a5a5a;
const CHUNK_WORDS = EXPLORED_LIMITS.memtableChunkBytes / 4;
const NOTHING: CoordinatorOutput = {
  now: 0,
  sweepAt: Infinity,
  sent: new Map(),
  toShard: [],
  hungUp: [],
  hash: 0,
};

export function coordinatorHistories(
  setting: ExploredSetting,
  frames: InternedFrames,
): CoordinatorHistories {
  return new LocalHistories({
    open: (opening) => {
      const actor = new ExploredCoordinator(setting, frames, opening);
      return { actor, output: actor.begin() };
    },
    nameOfOpening: ({ node, boot }) => `${nodeName(node)}/${boot}`,
    nameOfInput: (input) => {
      if (input.kind === 'frame') return `${input.source}:${input.frame.id}`;
      return JSON.stringify(input);
    },
    partOf,
    fingerprint: ({ sweepAt, sent, hash }) => {
      const lists = [...sent].map(([connection, list]) => `${connection}:${names(list)}`);
      return `${sweepAt} ${hash} ${lists.toSorted().join(' ')}`;
    },
    liveMax: 128,
  });
}

/**
 * What a coordinator does for a peer's operations it does not remember, nor does it matter for its own
 * conversations: each peer's are a part of their own (peer-relay.ts). Only their order among themselves
 * counts, and at the shard, whose history knows it.
 */
function partOf(input: CoordinatorInput): string {
  if (input.kind === 'peer-gone') return `peer ${input.connection}`;
  if (input.kind !== 'frame') return '';
  const { source, frame } = input;
  if (source >= CONNECTION_TARGET) {
    const isRelayed = frameTag(frame.words, 0) === TAG.replicaRequest;
    return isRelayed ? `peer ${source - CONNECTION_TARGET}` : '';
  }
  const route = frame.words[FRAME_HEADER_WORDS + REPLICA_REPLY.route]!;
  const isAlone = frame.words[FRAME.operationCount] === 1;
  return route !== 0 && isAlone ? `peer ${connectionOfRoute(route)}` : '';
}

class ExploredCoordinator implements LiveActor<CoordinatorInput, CoordinatorOutput> {
  readonly #core: CoordinatorCore;
  readonly #frames: InternedFrames;
  /** The shard's memory as this coordinator sees it: only what frames name, while it is stepped. */
  readonly #chunks: Int32Array[];
  readonly #output: StepOutput<CoordinatorEffect>;
  #sent: Map<number, readonly Frame[]> = new Map();
  #toShard: Frame[] = [];

  constructor(setting: ExploredSetting, frames: InternedFrames, opening: CoordinatorOpening) {
    const prng = setting.prng(opening.node, opening.boot);
    const identity = prng.stream('boot-id');
    this.#frames = frames;
    this.#chunks = Array.from(
      { length: EXPLORED_LIMITS.memtableChunksMax },
      () => new Int32Array(CHUNK_WORDS),
    );
    this.#core = new CoordinatorCore({
      ring: setting.views[opening.node]!,
      limits: setting.limits,
      prng: prng.stream('coordinator'),
      bootId: { low: identity.word(), high: identity.word() },
      shards: [{ chunks: this.#chunks }],
    });
    this.#output = new StepOutput(
      (target) => ({
        hasRoom: () => true,
        take: (words) => this.#take(target, words),
      }),
      256,
    );
  }

  begin(): CoordinatorOutput {
    const begun = this.#step([], new FrameList(), NOTHING, NOTHING.now);
    const up: CoordinatorEvent = { kind: 'channel-up', target: SHARD };
    return this.#step([up], new FrameList(), begun, begun.now);
  }

  step(input: CoordinatorInput, before: CoordinatorOutput): CoordinatorOutput {
    const list = new FrameList();
    switch (input.kind) {
      case 'event':
        return this.#step([input.event], list, before, before.now);
      case 'peer-gone': {
        const { connection } = input;
        const event = { kind: 'disconnected', connection, reason: 'gone' } as const;
        return this.#step([event], list, before, before.now);
      }
      case 'timer': {
        const fired = { ...before, sweepAt: Infinity };
        const now = Math.max(before.now, before.sweepAt);
        return this.#step([{ kind: 'timer', timer: TIMER.sweep }], list, fired, now);
      }
      case 'frame':
        return this.#stepFrame(input.source, input.frame, before);
      default:
        return unreachable(input);
    }
  }

  /** What a frame carries and names is borrowed for the step: afterwards it is spoilt. */
  #stepFrame(source: number, frame: Frame, before: CoordinatorOutput): CoordinatorOutput {
    const list = new FrameList();
    const words = frame.words.slice();
    list.push(words, 0, words.length, source);
    for (const { chunk, offset, words: record } of frame.records) {
      this.#chunks[chunk]!.set(record, offset);
    }
    const after = this.#step([], list, before, before.now);
    words.fill(POISON);
    for (const { chunk, offset, words: record } of frame.records) {
      this.#chunks[chunk]!.fill(POISON, offset, offset + record.length);
    }
    return after;
  }

  #step(
    events: CoordinatorEvent[],
    frames: FrameList,
    before: CoordinatorOutput,
    now: number,
  ): CoordinatorOutput {
    this.#sent = new Map(before.sent);
    this.#toShard = [];
    this.#core.step({ now, wallTimeMs: WALL_TIME_MS + now, frames, events }, this.#output);
    this.#output.flush();
    let { sweepAt } = before;
    const hungUp = [...before.hungUp];
    for (const effect of this.#output.takeEffects()) {
      if (effect.kind === 'hang-up') hungUp.push(effect.reason);
      if (effect.kind !== 'timer') continue;
      assert(
        effect.timer === TIMER.sweep || effect.timer === TIMER.connections,
        'a coordinator has two timers',
      );
      if (effect.timer === TIMER.sweep) sweepAt = effect.at;
    }
    const hash = this.#core.hash();
    return { now, sweepAt, sent: this.#sent, toShard: this.#toShard, hungUp, hash };
  }

  #take(target: number, words: Int32Array): void {
    const frame = this.#frames.intern(words);
    if (target < CONNECTION_TARGET) {
      this.#toShard.push(frame);
      return;
    }
    const connection = target - CONNECTION_TARGET;
    const sent = frameTag(words, 0) === TAG.response ? this.#split(words) : [frame];
    this.#sent.set(connection, [...(this.#sent.get(connection) ?? []), ...sent]);
  }

  /** Each answer in a frame of its own: an asker takes one at a time. */
  #split(words: Int32Array): Frame[] {
    const frames: Frame[] = [];
    for (let at = FRAME_HEADER_WORDS; at < words.length; at += words[at + OPERATION.wordCount]!) {
      const wordCount = FRAME_HEADER_WORDS + words[at + OPERATION.wordCount]!;
      const single = new Int32Array(wordCount);
      single.set(words.subarray(0, FRAME_HEADER_WORDS));
      single.set(words.subarray(at, at + words[at + OPERATION.wordCount]!), FRAME_HEADER_WORDS);
      single[FRAME.wordCount] = wordCount;
      single[FRAME.operationCount] = 1;
      frames.push(this.#frames.intern(single));
    }
    return frames;
  }
}

function names(frames: readonly Frame[]): string {
  return frames.map(({ id }) => id).join(',');
}
