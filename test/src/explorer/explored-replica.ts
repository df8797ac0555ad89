/**
 * The real replica's core on its real store as a function of its inputs: what its disk held when it was
 * opened, and the operations that came since. The log writer is the world's: here each step leaves what
 * it appended and what waits for that.
 * A store that opens with anything but what survived (O8) is a failed assertion.
 */
import { assert } from '@clockwise/kernel/assert';
import { FrameList } from '@clockwise/kernel/core';
import {
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_REPLY,
  REPLY_FLAG,
} from '@clockwise/protocol/frame';
import { decodeRecord, type Dot, type RecordObject } from '@clockwise/record/build';
import {
  HIDDEN_BUCKET,
  isHidden,
  isSettled,
  visibleWordCount,
  writeVisible,
} from '@clockwise/record/hidden';
import { HEADER, PREFIX_WORDS } from '@clockwise/record/layout';
import { ReplicaCore } from '@clockwise/replica/replica-core';
import {
  type ReplicaEffect,
  type ReplicaOut,
  sequenceOf,
} from '@clockwise/replica/replica-context';
import { StepOutput } from '@clockwise/simulator/step-output';
import type { Memtable } from '@clockwise/storage/memtable';
import { type VersionView, viewOfRecord } from '../checkers/causal-ledger-version.ts';
import { nameOfDot } from '../checkers/history.ts';
import { textOf } from '../simulation/client-identity.ts';
import { type LoggedWords, makeDisk, openOn } from './explored-disk.ts';
import { COORDINATOR, type ExploredSetting, nodeName, WALL_TIME_MS } from './explored-setting.ts';
import type { Frame, InternedFrames, NamedRecord } from './interned-frames.ts';
import { type LiveActor, LocalHistories, type LocalState } from './local-histories.ts';

/** An earlier opening, and how many steps of its log survived it. */
export interface PastOpening {
  readonly replica: ReplicaState;
  readonly keptSteps: number;
}

export interface ReplicaOpening {
  readonly node: number;
  readonly boot: number;
  readonly past: readonly PastOpening[];
}

export interface ReplicaInput {
  readonly frame: Frame;
  /** What the log writer has released, as the replica reads it in this step. */
  readonly releasedSequence: number;
}

/** A version of a key as a replica appended it. */
export interface Version {
  readonly key: string;
  /** Whose it is: the replica's own, a hinted copy, or something that says nothing of an object. */
  readonly shelf: 'own' | 'hint' | 'account';
  /** A hinted copy of which nothing is owed any more. */
  readonly isSettled: boolean;
  readonly sequence: number;
  readonly record: RecordObject;
  /** The record's own words. */
  readonly view: VersionView;
}

export interface Append {
  readonly version: Version;
  /** The dot of this record was made in this step. */
  readonly isMade: boolean;
  readonly before: Version | undefined;
}

/** What one step leaves to the log writer. */
export interface LoggedStep extends LoggedWords {
  readonly versions: readonly Version[];
  /** Released when all up to here is synced. */
  readonly frames: readonly Frame[];
}

export interface ReplicaOutput {
  /** The highest sequence that recovery found. */
  readonly openedSequence: number;
  /** All frames on lane `now`, and all steps of the log, so far. */
  readonly now: readonly Frame[];
  readonly logged: readonly LoggedStep[];
  readonly appends: readonly Append[];
  /** By `placeOf`: the newest version. */
  readonly held: ReadonlyMap<string, Version>;
  /** Of the core. */
  readonly hash: number;
}

export type ReplicaState = LocalState<ReplicaOutput>;
export type ReplicaHistories = LocalHistories<ReplicaOpening, ReplicaInput, ReplicaOutput>;

export function replicaHistories(
  setting: ExploredSetting,
  frames: InternedFrames,
): ReplicaHistories {
  return new LocalHistories({
    open: (opening) => {
      const actor = new ExploredReplica(setting, frames, opening);
      return { actor, output: actor.begin() };
    },
    nameOfOpening: ({ node, boot, past }) => `${nodeName(node)}/${boot} ${namePast(past)}`,
    nameOfInput: ({ frame, releasedSequence }) => `${frame.id}/${releasedSequence}`,
    partOf: () => '',
    fingerprint: ({ now, logged, hash }) =>
      `${hash} ${names(now)} ${logged.map((step) => `${step.lastSequence}:${names(step.frames)}`).join()}`,
    liveMax: 24,
  });
}

export function namePast(past: readonly PastOpening[]): string {
  return past.map(({ replica, keptSteps }) => `${replica.id}-${keptSteps}`).join();
}

class ExploredReplica implements LiveActor<ReplicaInput, ReplicaOutput> {
  readonly #core: ReplicaCore;
  readonly #memtable: Memtable;
  readonly #output: StepOutput<ReplicaEffect>;
  readonly #survived: ReplicaOutput;
  /** Names the incarnation of a dot that was made here and is not this opening's own. */
  readonly #nameDrawn: (incarnation: bigint) => void;
  readonly #lanes: [Frame[], Frame[]] = [[], []];
  readonly #written: [number, number] = [0, 0];

  constructor(setting: ExploredSetting, frames: InternedFrames, opening: ReplicaOpening) {
    const { node, boot } = opening;
    const past = opening.past.map(({ replica, keptSteps }) => ({
      logged: replica.output.logged,
      keptSteps,
    }));
    const opened = openOn(makeDisk(setting, node, past), setting, node, boot);
    const { low, high } = opened.options.incarnation;
    const incarnation = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    setting.nameIncarnation(incarnation, node, boot, true);
    this.#nameDrawn = (drawn) => setting.nameIncarnation(drawn, node, boot, false);
    this.#memtable = opened.options.memtable;
    this.#core = new ReplicaCore(opened.options);
    this.#output = new StepOutput(
      (_, lane) => ({
        hasRoom: () => true,
        take: (words) => {
          this.#written[lane] += words.length;
          this.#lanes[lane].push(frames.intern(words, this.#namedBy(words)));
        },
      }),
      256,
    );
    this.#survived = survivedFrom(opening.past, this.#memtable.nextSequence - 1);
  }

  begin(): ReplicaOutput {
    return this.#step(new FrameList(), this.#survived, 0, undefined);
  }

  step({ frame, releasedSequence }: ReplicaInput, before: ReplicaOutput): ReplicaOutput {
    const list = new FrameList();
    const words = frame.words.slice();
    list.push(words, 0, words.length, COORDINATOR);
    return this.#step(list, before, releasedSequence, frame.words);
  }

  #step(
    frames: FrameList,
    before: ReplicaOutput,
    releasedSequence: number,
    request: Int32Array | undefined,
  ): ReplicaOutput {
    const ranges: Int32Array[] = [];
    let lastSequence = 0;
    const out: ReplicaOut = {
      send: (target, lane) => this.#output.send(target, lane),
      effect: (effect) => this.#output.effect(effect),
      append: (chunk, fromWord, toWord, last) => {
        ranges.push(this.#memtable.pool.words[chunk]!.slice(fromWord, toWord));
        lastSequence = last;
      },
    };
    const published = {
      releasedSequence: () => releasedSequence,
      written: (_: number, lane: number) => this.#written[lane]!,
      // Coordinators never let go: no chunk is given back in a case this small.
      consumed: () => 0,
    };
    const batch = { now: 0, wallTimeMs: WALL_TIME_MS, frames, events: [], published };
    this.#core.step(batch, out);
    this.#output.flush();
    for (const effect of this.#output.takeEffects()) {
      assert(effect.kind === 'tell', 'a small store in memory asks the world for nothing');
      const isAhead = effect.message.kind === 'name-ahead';
      assert(!isAhead, '[S2] a shard knows all dots under its names');
    }
    return this.#after(before, ranges, lastSequence, request);
  }

  #after(
    before: ReplicaOutput,
    ranges: readonly Int32Array[],
    lastSequence: number,
    request: Int32Array | undefined,
  ): ReplicaOutput {
    const versions = ranges.flatMap(versionsIn);
    const places = new Map(before.held);
    const appends = versions.map((version): Append => {
      const previous = places.get(placeOf(version));
      places.set(placeOf(version), version);
      const held = previous?.isSettled === true ? undefined : previous;
      const append = { version, before: held, isMade: isWrite(request) };
      for (const { incarnation } of madeBy(append)) this.#nameDrawn(incarnation);
      return append;
    });
    const [now, durable] = this.#lanes.map((lane) => lane.splice(0)) as [Frame[], Frame[]];
    const isLogged = ranges.length > 0 || durable.length > 0;
    const step = { ranges, lastSequence, versions, frames: durable };
    return {
      openedSequence: before.openedSequence,
      now: [...before.now, ...now],
      logged: isLogged ? [...before.logged, step] : before.logged,
      appends: [...before.appends, ...appends],
      held: places,
      hash: this.#core.hash(),
    };
  }

  /** Copies of the records that the answers of a frame name in this shard's memory. */
  #namedBy(frame: Int32Array): NamedRecord[] {
    const records: NamedRecord[] = [];
    for (let at = FRAME_HEADER_WORDS; at < frame.length; at += frame[at + OPERATION.wordCount]!) {
      const isInline = (frame[at + REPLICA_REPLY.kind]! >>> 24) & REPLY_FLAG.inline;
      const wordCount = frame[at + REPLICA_REPLY.recordWords]!;
      if (isInline !== 0 || wordCount === 0) continue;
      const chunk = frame[at + REPLICA_REPLY.chunk]! & 0xffff;
      const offset = frame[at + REPLICA_REPLY.offset]!;
      const words = this.#memtable.pool.words[chunk]!.slice(offset, offset + wordCount);
      records.push({ chunk, offset, words });
    }
    return records;
  }
}

/**
 * Whether what a step appended was made here, or came from elsewhere. Several operations come together
 * where one event ends several puts: then they are notes.
 */
function isWrite(request: Int32Array | undefined): boolean {
  assert(request !== undefined, 'nothing is appended before the first operation');
  const opcodes: number[] = [];
  for (let at = FRAME_HEADER_WORDS; at < request.length; at += request[at + OPERATION.wordCount]!) {
    opcodes.push(request[at + OPERATION.opcode]! & 0xff);
  }
  const isMade = opcodes.includes(REPLICA_OPCODE.write);
  assert(!isMade || opcodes.length === 1, 'writes of an explored case come one by one');
  assert(
    opcodes.some((opcode) => APPENDING.includes(opcode)),
    'reads do not append',
  );
  return isMade;
}

const APPENDING: readonly number[] = [
  REPLICA_OPCODE.write,
  REPLICA_OPCODE.store,
  REPLICA_OPCODE.note,
  REPLICA_OPCODE.settle,
];

/** Dots that a write brought. */
function madeBy({ version, before, isMade }: Append): readonly Dot[] {
  if (!isMade) return [];
  const held = new Set(before?.record.siblings.map(({ dot }) => nameOfDot(dot)));
  return version.record.siblings.map(({ dot }) => dot).filter((dot) => !held.has(nameOfDot(dot)));
}

/** Under which a replica keeps one version at a time; of its own objects the key. */
function placeOf({ key, shelf, record }: Version): string {
  return shelf === 'own' ? key : `${shelf} ${record.bucketId}/${key}`;
}

function versionsIn(range: Int32Array): Version[] {
  const versions: Version[] = [];
  for (let prefix = 0; prefix < range.length;) {
    const at = prefix + PREFIX_WORDS;
    const sequence = sequenceOf(range, at);
    const shelf = shelfOf(range, at);
    const words = shelf === 'own' ? copyOf(range, at) : visibleCopyOf(range, at);
    const record = decodeRecord(words, 0);
    const key = textOf(record.key);
    const view = viewOfRecord(words, 0);
    versions.push({ key, shelf, isSettled: isSettled(range, at), sequence, record, view });
    prefix = at + range[at + HEADER.wordCount]!;
  }
  return versions;
}

function shelfOf(words: Int32Array, record: number): Version['shelf'] {
  if (!isHidden(words, record)) return 'own';
  return words[record + HEADER.bucketId] === HIDDEN_BUCKET.hint ? 'hint' : 'account';
}

function copyOf(words: Int32Array, record: number): Int32Array {
  return words.slice(record, record + words[record + HEADER.wordCount]!);
}

function visibleCopyOf(words: Int32Array, record: number): Int32Array {
  const visible = new Int32Array(visibleWordCount(words, record));
  writeVisible(words, record, visible, 0);
  return visible;
}

function survivedFrom(past: readonly PastOpening[], openedSequence: number): ReplicaOutput {
  const held = new Map<string, Version>();
  let lastSequence = 0;
  for (const { replica, keptSteps } of past) {
    for (const step of replica.output.logged.slice(0, keptSteps)) {
      if (step.lastSequence > 0) lastSequence = step.lastSequence;
      for (const version of step.versions) held.set(placeOf(version), version);
    }
  }
  assert(
    openedSequence === lastSequence,
    `[O8] the log held everything up to ${lastSequence}, and the store opened with ${openedSequence}`,
  );
  return { openedSequence, now: [], logged: [], appends: [], held, hash: 0 };
}

function names(frames: readonly Frame[]): string {
  return frames.map(({ id }) => id).join(',');
}
