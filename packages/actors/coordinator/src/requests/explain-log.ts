/**
 * How the answers came about of the few requests that ask for it: who was asked when, what each said,
 * and what was missing when the answer was given. Plain objects: nobody else pays but for one test.
 *
 * Invariants:
 *   EX1 at most `explainsMax` requests are explained at once; beyond, the flag is ignored
 *   EX2 a slot's account is that of the request in it, never of one before
 */
import { errorName, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  LEVEL,
  PASSED_ON,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  REQUEST_FLAG,
} from '@clockwise/protocol/frame';
import { contextCount, contextOffset, ENTRY, ENTRY_WORDS } from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { positionOfNode, primaryAt } from '../positions.ts';
import { PUT_PHASE, SLOT_STATE } from './request-slots.ts';

/** `recall`: to say whether it knows a write that may have happened before; `make`: the dot. */
type Task = 'read' | 'recall' | 'make' | 'store';

interface Asked {
  readonly node: number;
  readonly position: number;
  readonly task: Task;
  /** The primary in whose place it was asked; -1: it is the primary. */
  readonly standsInFor: number;
  readonly askedMs: number;
  answeredMs: number | undefined;
  outcome: string;
  version: string | undefined;
}

interface Account {
  readonly generation: number;
  readonly beganAt: number;
  readonly asked: Asked[];
  readonly repaired: Set<number>;
  /** What was sent to be stored, as the replica that made it told. */
  made: string | undefined;
}

/** Entries of a context that an account shows. */
const ENTRIES_SHOWN = 4;

export class ExplainLog {
  /** Requests that are explained now: 0 for nearly all of a node's life. */
  count = 0;
  readonly #explainsMax: number;
  readonly #accounts: Map<number, Account> = new Map();

  constructor(explainsMax: number) {
    this.#explainsMax = explainsMax;
  }

  /** A request with flag `explain` has its slot. */
  begin(context: CoordinatorContext, slot: number): void {
    if (this.#accounts.size >= this.#explainsMax) this.#forgetEnded(context);
    if (this.#accounts.size >= this.#explainsMax) {
      context.slots.flags[slot]! &= ~REQUEST_FLAG.explain;
      return;
    }
    const generation = context.slots.generation[slot]!;
    const beganAt = context.now;
    const repaired = new Set<number>();
    this.#accounts.set(slot, { generation, beganAt, asked: [], repaired, made: undefined });
    this.count = this.#accounts.size;
  }

  /** An operation of the slot was sent to a node. */
  asked(context: CoordinatorContext, slot: number, node: number): void {
    const account = this.#accountOf(context, slot);
    if (account === undefined) return;
    const position = positionOfNode(context, slot, node);
    const task = taskOf(context, slot, node);
    const isKnown = account.asked.some(
      (one) =>
        one.node === node &&
        one.position === position &&
        (one.task === 'recall') === (task === 'recall'),
    );
    if (isKnown) {
      if (task === 'read') account.repaired.add(node);
      return;
    }
    const primary = position < 0 ? node : primaryAt(context, slot, position);
    account.asked.push({
      node,
      position,
      task,
      standsInFor: primary === node ? -1 : primary,
      askedMs: context.now - account.beganAt,
      answeredMs: undefined,
      outcome: 'silent',
      version: undefined,
    });
  }

  /** A node said something of the slot. `shard`: -1 where it came by a link. */
  answered(
    context: CoordinatorContext,
    slot: number,
    node: number,
    shard: number,
    words: Int32Array,
    offset: number,
  ): void {
    const kind = words[offset + REPLICA_REPLY.kind]!;
    const isRead = (kind & 0xff) === REPLY_KIND.read;
    const speaker = speakerOf(context, slot, node, shard, words, offset);
    const asked = this.#openOf(context, slot, speaker, isRead);
    if (asked === undefined) return;
    const status = (kind >>> 8) & 0xffff;
    if (words[offset + REPLICA_REPLY.recordWords] !== 0 && status === STATUS_OK) {
      if (shard >= 0) {
        const chunk = context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
        asked.version = versionText(chunk, words[offset + REPLICA_REPLY.offset]!);
      } else if (((kind >>> 24) & REPLY_FLAG.inline) !== 0) {
        asked.version = versionText(words, offset + REPLICA_REPLY_HEADER_WORDS);
      }
    }
    const account = this.#accounts.get(slot)!;
    if (asked.task === 'make') account.made = asked.version;
    else if (asked.task === 'store' && status === STATUS_OK) asked.version ??= account.made;
    // What is to be forwarded is no acknowledgement.
    if ((kind & 0xff) === REPLY_KIND.forward) return;
    this.#end(context, slot, asked, status);
  }

  /** A node cannot be reached any more, or is not waited for. */
  failed(context: CoordinatorContext, slot: number, node: number, status: number): void {
    const asked =
      this.#openOf(context, slot, node, false) ?? this.#openOf(context, slot, node, true);
    if (asked !== undefined) this.#end(context, slot, asked, status);
  }

  /** The account as JSON, once: it is over then. Undefined where the slot is not explained. */
  text(context: CoordinatorContext, slot: number): string | undefined {
    const account = this.#accountOf(context, slot);
    if (account === undefined) return undefined;
    this.end(slot);
    const { slots, ring } = context;
    const nameOf = (node: number): string => ring.nodes[node]!.nodeId;
    const isPut = slots.state[slot] === SLOT_STATE.put;
    const isOk = ({ outcome }: Asked): boolean => outcome === 'ok';
    return JSON.stringify({
      node: nameOf(ring.ownNode),
      epoch: ring.epoch,
      partition: slots.partition[slot],
      level: levelText(slots.level[slot]!),
      required: slots.required[slot],
      strict: (slots.flags[slot]! & REQUEST_FLAG.strict) !== 0,
      sloppy: slots.sloppy[slot] !== 0,
      replicas: account.asked.map((one) => ({
        node: nameOf(one.node),
        dataCentre: ring.nodes[one.node]!.dataCentre,
        position: one.position,
        task: one.task,
        ...(one.standsInFor < 0 ? {} : { standsInFor: nameOf(one.standsInFor) }),
        askedMs: rounded(one.askedMs),
        ...(one.answeredMs === undefined ? {} : { answeredMs: rounded(one.answeredMs) }),
        outcome: one.outcome,
        ...(one.version === undefined ? {} : { version: one.version }),
      })),
      hinted: account.asked
        .filter((one) => !isReading(one) && one.standsInFor >= 0 && isOk(one))
        .map((one) => nameOf(one.node)),
      repaired: [...account.repaired].map(nameOf),
      owed: isPut ? this.#owed(context, slot).map(nameOf) : [],
      totalMs: rounded(context.now - account.beganAt),
    });
  }

  /** Nobody is told about the slot's request. */
  end(slot: number): void {
    this.#accounts.delete(slot);
    this.count = this.#accounts.size;
  }

  /** Whose position nobody has acknowledged yet: noted as owed, should it stay so. */
  #owed(context: CoordinatorContext, slot: number): number[] {
    const { slots, ring } = context;
    const { stride } = ring.tables[slots.replicationClass[slot]!]!;
    const owed: number[] = [];
    for (let position = 0; position < stride; position += 1) {
      if ((slots.answered[slot]! & (1 << position)) !== 0) continue;
      owed.push(primaryAt(context, slot, position));
    }
    return owed;
  }

  #end(context: CoordinatorContext, slot: number, asked: Asked, status: number): void {
    asked.answeredMs = context.now - this.#accounts.get(slot)!.beganAt;
    asked.outcome = outcomeText(status);
  }

  /** What a node was asked and has not answered; `isRead`: to read, or to change something. */
  #openOf(
    context: CoordinatorContext,
    slot: number,
    node: number,
    isRead: boolean,
  ): Asked | undefined {
    return this.#accountOf(context, slot)?.asked.find(
      (one) => one.node === node && one.answeredMs === undefined && isReading(one) === isRead,
    );
  }

  /** [EX2] */
  #accountOf(context: CoordinatorContext, slot: number): Account | undefined {
    const account = this.#accounts.get(slot);
    return account?.generation === context.slots.generation[slot] ? account : undefined;
  }

  /** Requests that ended without an answer leave their accounts behind. */
  #forgetEnded(context: CoordinatorContext): void {
    for (const [slot, { generation }] of this.#accounts) {
      if (!context.slots.isCurrent(slot, generation)) this.end(slot);
    }
  }
}

/** Another coordinator's account, with the name of the one that passed the request on to it. */
export function relayedText(text: string, via: string): string {
  return `{"via":${JSON.stringify(via)},${text.slice(1)}`;
}

function taskOf({ slots, ring }: CoordinatorContext, slot: number, node: number): Task {
  if (slots.state[slot] !== SLOT_STATE.put) return 'read';
  if (slots.phase[slot] === PUT_PHASE.asking) return 'recall';
  return node === ring.ownNode ? 'make' : 'store';
}

function isReading({ task }: Asked): boolean {
  return task === 'read' || task === 'recall';
}

/** The node that an answer is of: a relay passes back what others say. */
function speakerOf(
  context: CoordinatorContext,
  slot: number,
  node: number,
  shard: number,
  words: Int32Array,
  offset: number,
): number {
  const { fanOuts, slots } = context;
  const isStored = (words[offset + REPLICA_REPLY.kind]! & 0xff) === REPLY_KIND.stored;
  const passedOn = words[offset + REPLICA_REPLY.recordCount]!;
  if (shard >= 0 || !isStored || passedOn === 0 || !fanOuts.isNeeded) return node;
  const position = (passedOn & PASSED_ON.positionMask) - 1;
  const isRelayed = slots.state[slot] === SLOT_STATE.put && fanOuts.isThrough(slot, position, node);
  return isRelayed ? primaryAt(context, slot, position) : node;
}

function outcomeText(status: number): string {
  if (status === STATUS_OK) return 'ok';
  if (status === STATUS_NOT_FOUND) return 'not found';
  return errorName(status) ?? `status ${status}`;
}

const LEVEL_NAMES: ReadonlyMap<number, string> = new Map([
  [LEVEL.quorum, 'quorum'],
  [LEVEL.all, 'all'],
  [LEVEL.localQuorum, 'local-quorum'],
  [LEVEL.eachQuorum, 'each-quorum'],
]);

function levelText(level: number): string {
  return LEVEL_NAMES.get(level) ?? String(level);
}

/** The context, an entry as the end of its incarnation and its counter: `a1b2:7 33c0:1`. */
function versionText(words: Int32Array, record: number): string {
  const count = contextCount(words, record);
  const entries: string[] = [];
  let entry = contextOffset(words, record);
  for (let index = 0; index < Math.min(count, ENTRIES_SHOWN); index += 1) {
    const name = (words[entry + ENTRY.incarnationLow]! & 0xffff).toString(16).padStart(4, '0');
    entries.push(`${name}:${words[entry + ENTRY.counterLow]! >>> 0}`);
    entry += ENTRY_WORDS;
  }
  if (count > ENTRIES_SHOWN) entries.push(`+${count - ENTRIES_SHOWN}`);
  return entries.join(' ');
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
