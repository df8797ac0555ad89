/**
 * One connection: carries out what its core decides, checks every frame that comes in, and holds the
 * writer that requests go into. It knows nothing of retries or promises: its owner does.
 *
 * data plane, but for control messages
 *
 * Invariants:
 *   CN1 a frame that breaks the protocol ends this connection, and nothing in it is believed
 *   CN2 a transport that was given up is not listened to any more
 *   CN3 operations share a frame only where their remaining times are alike; it carries the longest
 */
import { unreachable } from '@clockwise/kernel/assert';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import type { ControlMessage, Hello, Welcome } from '@clockwise/protocol/control-messages';
import type { ErrorName } from '@clockwise/protocol/errors';
import { TAG } from '@clockwise/protocol/frame';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { CONNECTION, admitsControl } from '@clockwise/protocol/handshake';
import { readControlFrame, writeControl } from '@clockwise/protocol/message-codec';
import { REJECTION, rejectionName } from '@clockwise/protocol/rejections';
import { frameTag, validateFrameHeader } from '@clockwise/protocol/validate-frame';
import { validateResponseFrame } from '@clockwise/protocol/validate-response';
import type { ConnectionCore, ConnectionEffect } from './connection-core.ts';
import type { RequestLimits } from './request-encoder.ts';
import { SendWindow } from './send-window.ts';
import type { Transport, TransportListener, World } from './transport.ts';

export interface ConnectionOwner {
  hello(): Hello;
  becameReady(connection: Connection, welcome: Welcome): void;
  lost(connection: Connection, code: ErrorName, reason: string): void;
  /** A valid frame of responses, borrowed. */
  answered(connection: Connection, words: Int32Array): void;
  /** What answers a control request. */
  told(message: ControlMessage): void;
  /** The core's `wakeAt` may have come nearer. */
  arm(at: number): void;
}

/** Nodes may be configured to larger records than ours: only what memory is made from is bounded. */
export const READ_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  keyBytesMax: 0xffff,
  valueBytesMax: 0x1000_0000,
  contextEntriesMax: 0xffff,
  siblingsMax: 0xffff,
  siblingBytesMax: 0x1000_0000,
  recentOperationsMax: 0xffff,
  frameBytesMax: 0x1000_0000,
  frameOperationsMax: 0x10_0000,
  scanRecordsMax: 0xffff,
  scanBytesMax: 0x1000_0000,
};

const REMAINING_MS_MAX = DEFAULT_LIMITS.requestTimeoutMsMax;
const NO_LIMITS: RequestLimits = { keyBytesMax: 0, valueBytesMax: 0, contextEntriesMax: 0 };

export class Connection {
  readonly index: number;
  inFlightCount = 0;
  inFlightMax = 0;
  limits: RequestLimits = NO_LIMITS;
  bucketIds: ReadonlyMap<string, number> = new Map();
  /** Of the node that it is connected to. */
  welcome: Welcome | undefined = undefined;
  window: SendWindow;
  readonly #windowMax: number;
  readonly #core: ConnectionCore;
  readonly #owner: ConnectionOwner;
  readonly #world: World;
  #transport: Transport | undefined;
  #listener: LinkListener | undefined;
  #writer: FrameWriter | undefined;
  /** The remaining time of the first operation in the frame under construction; 0: there is none. */
  #frameBaseMs = 0;

  /** `windowMax`: requests that one connection may have in flight while nothing speaks against it. */
  constructor(
    index: number,
    windowMax: number,
    core: ConnectionCore,
    owner: ConnectionOwner,
    world: World,
  ) {
    this.index = index;
    this.#windowMax = windowMax;
    this.window = new SendWindow(windowMax);
    this.#core = core;
    this.#owner = owner;
    this.#world = world;
  }

  get isReady(): boolean {
    return this.#core.isReady;
  }

  /** It is silent, and others are better asked. */
  get isInDoubt(): boolean {
    return this.#core.isInDoubt;
  }

  get address(): string {
    return this.#core.address;
  }

  get wakeAt(): number {
    return this.#core.wakeAt;
  }

  get bufferedBytes(): number {
    return this.#transport?.bufferedBytes ?? 0;
  }

  tick(now: number): void {
    this.#carryOut(this.#core.tick(now));
  }

  close(): void {
    this.#carryOut(this.#core.close());
  }

  /** The writer for an operation that may take this long. REQUIRES: isReady. */
  writerFor(remainingMs: number): FrameWriter {
    const writer = this.#writer!;
    const wantedMs = Math.min(Math.ceil(remainingMs), REMAINING_MS_MAX);
    const baseMs = this.#frameBaseMs;
    if (baseMs === 0 || Math.abs(wantedMs - baseMs) > baseMs >>> 3) {
      writer.flush();
      this.#frameBaseMs = wantedMs;
      writer.remainingMs = wantedMs;
    } else if (wantedMs > writer.remainingMs) {
      writer.remainingMs = wantedMs;
    }
    return writer;
  }

  /** What was written leaves. */
  flush(now: number): void {
    if (this.#writer === undefined) return;
    this.#writer.flush();
    this.#frameBaseMs = 0;
    this.#transport!.flush();
    if (this.inFlightCount > 0) this.#core.sent(now);
    this.#owner.arm(this.#core.wakeAt);
  }

  /** False: it cannot be sent now. */
  tell(message: ControlMessage): boolean {
    const writer = this.#writer;
    if (writer === undefined) return false;
    writer.flush();
    this.#frameBaseMs = 0;
    writer.remainingMs = 0;
    const isWritten = writeControl(writer, message);
    writer.flush();
    this.#transport!.flush();
    return isWritten;
  }

  opened(): void {
    this.#carryOut(this.#core.opened(this.#world.now()));
  }

  heard(): void {
    this.#core.heard(this.#world.now(), this.inFlightCount > 0);
    this.#owner.arm(this.#core.wakeAt);
  }

  ended(reason: string): void {
    this.#carryOut(this.#core.ended(this.#world.now(), reason));
  }

  frame(words: Int32Array, wordCount: number): void {
    const rejection = validateFrameHeader(words, 0, wordCount, READ_LIMITS);
    if (rejection !== REJECTION.none) return this.#reject(rejection);
    const tag = frameTag(words, 0);
    if (tag === TAG.response && this.isReady) {
      const refused = validateResponseFrame(words, 0, wordCount, READ_LIMITS, READ_LIMITS);
      if (refused !== REJECTION.none) return this.#reject(refused);
      this.#owner.answered(this, words);
      return this.heard();
    }
    if (tag === TAG.control) return this.#control(words, wordCount);
    return this.#reject(REJECTION.frameTagUnexpected);
  }

  #control(words: Int32Array, wordCount: number): void {
    const now = this.#world.now();
    const result = readControlFrame(words, 0, wordCount, READ_LIMITS);
    if (!result.ok) return this.#carryOut(this.#core.broken(now, result.reason));
    const { message } = result;
    const state = this.isReady ? CONNECTION.server : CONNECTION.awaitingWelcome;
    if (!admitsControl(state, 'client', message.kind)) {
      const reason = `${message.kind} was not expected`;
      return this.#carryOut(this.#core.broken(now, reason));
    }
    if (message.kind === 'welcome' || message.kind === 'goodbye') {
      return this.#carryOut(this.#core.told(now, message));
    }
    this.#owner.told(message);
    return this.heard();
  }

  #reject(rejection: number): void {
    const reason = rejectionName(rejection) ?? `rejection ${rejection}`;
    this.#carryOut(this.#core.broken(this.#world.now(), reason));
  }

  #carryOut(effects: readonly ConnectionEffect[]): void {
    for (const effect of effects) this.#carryOutOne(effect);
    this.#owner.arm(this.#core.wakeAt);
  }

  #carryOutOne(effect: ConnectionEffect): void {
    switch (effect.kind) {
      case 'dial':
        return this.#dial(effect.address);
      case 'greet':
        this.#writer = new FrameWriter(this.#transport!, DEFAULT_LIMITS.frameWordsTarget);
        this.tell(this.#owner.hello());
        return;
      case 'ready':
        return this.#welcomed(effect.welcome);
      case 'ping':
        this.#transport?.ping();
        return;
      case 'hang-up':
        this.#transport?.close(1000, effect.reason);
        return this.#forget();
      case 'lost':
        this.#forget();
        return this.#owner.lost(this, effect.code, effect.reason);
      default:
        return unreachable(effect);
    }
  }

  #dial(address: string): void {
    this.#listener = new LinkListener(this);
    this.#transport = this.#world.dial(address, this.#listener);
  }

  #welcomed(welcome: Welcome): void {
    this.inFlightMax = welcome.inFlightMax;
    this.limits = welcome;
    this.welcome = welcome;
    this.window = new SendWindow(this.#windowMax);
    this.bucketIds = new Map(welcome.buckets.map((bucket) => [bucket.name, bucket.id]));
    this.#writer!.epoch = welcome.epoch;
    this.#owner.becameReady(this, welcome);
  }

  #forget(): void {
    if (this.#listener !== undefined) this.#listener.isCurrent = false;
    this.#listener = undefined;
    this.#transport = undefined;
    this.#writer = undefined;
    this.#frameBaseMs = 0;
  }
}

/** [CN2] Stands between a transport and the connection until the connection turns to another one. */
class LinkListener implements TransportListener {
  isCurrent = true;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  opened(): void {
    if (this.isCurrent) this.#connection.opened();
  }

  frame(words: Int32Array, wordCount: number): void {
    if (this.isCurrent) this.#connection.frame(words, wordCount);
  }

  heard(): void {
    if (this.isCurrent) this.#connection.heard();
  }

  closed(reason: string): void {
    if (this.isCurrent) this.#connection.ended(reason);
  }
}
