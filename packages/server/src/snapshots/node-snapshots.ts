/**
 * The snapshots of a node: one of each shard, under one name and one number. What a shard makes, checks
 * and removes it does by itself; here is in which order, and what is remembered.
 *
 *     create:  making, durable -> all shards at once -> made, durable    (one fails: as drop, and refused)
 *     drop:    dropping, durable -> all shards -> forgotten, durable
 *
 * Boundary: a snapshot of a node, not of the cluster: shards cut at nearly the same moment, nodes when
 * each is asked.
 *
 * Invariants:
 *   NP1 `made` is said only when every shard has it, whole and read from end to end, and the index says so
 *       durably
 *   NP2 what was not made as a whole goes: at once; or, where a shard cannot remove it now, when all
 *       serve, with the next command, or after the next start
 *   NP3 one change at a time: another is refused, not queued
 *   NP4 a name is one snapshot's, until that is gone from every shard
 *   NP5 a full disk keeps nobody from dropping, which is what makes room: then it is not remembered that
 *       the drop was begun, and what a crash leaves of it is listed as `incomplete`
 */
import path from 'node:path';
import type { ActorMessage, ShardSnapshot } from '@clockwise/protocol/actor-messages';
import type { UnitState } from '@clockwise/runtime/supervisor/unit';
import { shardFolder } from '../node-plan.ts';
import { ShardQuestions } from './shard-questions.ts';
import {
  type IndexedSnapshot,
  type IndexResult,
  nameFault,
  nameOfNumber,
  type SnapshotIndex,
} from './snapshot-index.ts';
import type {
  AdminAnswer,
  AdminRefusal,
  SnapshotDropReport,
  SnapshotListReport,
  SnapshotReport,
  SnapshotState,
} from './snapshot-report.ts';

export interface NodeSnapshotsOptions {
  readonly nodeId: string;
  readonly dataFolder: string;
  readonly shardCount: number;
  readonly index: SnapshotIndex;
  readonly tell: (to: string, message: ActorMessage) => void;
  readonly now: () => Date;
}

type Entries = readonly IndexedSnapshot[];
type Refused = Extract<AdminAnswer<never>, { readonly ok: false }>;

/** By shard: what it holds; undefined: it does not answer. */
interface HeldByShards {
  readonly held: readonly (readonly ShardSnapshot[] | undefined)[];
  readonly lastNumber: number;
  readonly pinnedBytes: number;
  readonly reasons: readonly string[];
}

interface Change {
  readonly what: string;
  /** The name of what is being made; empty: nothing is. */
  readonly makes: string;
  /** Nobody asked for it: see `#settleIfPossible`. */
  readonly isSettling: boolean;
  readonly done: Promise<unknown>;
}

export class NodeSnapshots {
  readonly #options: NodeSnapshotsOptions;
  readonly #questions: ShardQuestions;
  /** [NP3] */
  #change: Change | undefined;
  /** The index may name what was not made as a whole. [NP2] */
  #hasLeftovers = true;

  constructor(options: NodeSnapshotsOptions) {
    this.#options = options;
    this.#questions = new ShardQuestions(options.shardCount, options.tell);
  }

  told(message: ActorMessage): void {
    this.#questions.told(message);
  }

  unitChanged(name: string, state: UnitState): void {
    this.#questions.unitChanged(name, state);
    this.#settleIfPossible();
  }

  /** Nothing is written when this has resolved. */
  async stop(): Promise<void> {
    this.#questions.close();
    await this.#change?.done;
  }

  async create(name: string): Promise<AdminAnswer<SnapshotReport>> {
    const fault = nameFault(name);
    if (fault !== undefined) return refused('BAD_REQUEST', fault);
    const what = `the snapshot ${name} is being made`;
    return this.#command({ what, makes: name }, () => this.#create(name));
  }

  async drop(name: string): Promise<AdminAnswer<SnapshotDropReport>> {
    const what = `the snapshot ${name} is being dropped`;
    return this.#command({ what, makes: '' }, () => this.#drop(name));
  }

  async list(): Promise<AdminAnswer<SnapshotListReport>> {
    const read = await this.#options.index.read();
    if (!read.ok) return read;
    const known = await this.#askHeld();
    const entries = [...read.value, ...unnamed(read.value, known)];
    const { nodeId } = this.#options;
    const snapshots = entries
      .toSorted((left, right) => left.number - right.number)
      .map((entry) => this.#report(entry, known));
    const { pinnedBytes, reasons } = known;
    return { ok: true, result: { nodeId, snapshots, pinnedBytes, reasons } };
  }

  /** [NP3] What goes by itself is waited for. */
  async #command<Result>(
    change: Pick<Change, 'what' | 'makes'>,
    run: () => Promise<AdminAnswer<Result>>,
  ): Promise<AdminAnswer<Result>> {
    while (this.#change?.isSettling === true) await this.#change.done;
    if (this.#change !== undefined) return refused('BUSY', this.#change.what);
    const answer = await this.#begin({ ...change, isSettling: false, done: run() });
    this.#settleIfPossible();
    return answer;
  }

  async #begin<Result>(change: Change & { readonly done: Promise<Result> }): Promise<Result> {
    this.#change = change;
    try {
      return await change.done;
    } finally {
      this.#change = undefined;
    }
  }

  async #create(name: string): Promise<AdminAnswer<SnapshotReport>> {
    const settled = await this.#settle();
    if (!settled.ok) return settled;
    const entries = settled.value;
    const taken = entries.find((entry) => entry.name === name);
    if (taken !== undefined) return refused('NAME_TAKEN', takenText(taken));
    const known = await this.#askHeld();
    if (known.reasons.length > 0) return refused('SHARD_DOWN', ...known.reasons);
    const numbers = entries.map(({ number }) => number);
    const number = Math.max(known.lastNumber, ...numbers) + 1;
    const createdAt = this.#options.now().toISOString();
    const entry: IndexedSnapshot = { name, number, state: 'making', createdAt };
    this.#hasLeftovers = true;
    const begun = await this.#write([...entries, entry]);
    if (!begun.ok) return begun;
    const made = await this.#make(number);
    const fault = made.ok ? await this.#write([...entries, { ...entry, state: 'made' }]) : made;
    // [NP1]
    if (!fault.ok) return this.#undo(entries, entry, fault);
    this.#hasLeftovers = entries.some(({ state }) => state !== 'made');
    const result = this.#report({ ...entry, state: 'made' }, await this.#askHeld());
    return { ok: true, result };
  }

  /** Every shard at once; the first refusal's code is the node's. */
  async #make(snapshotNumber: number): Promise<{ readonly ok: true } | Refused> {
    const ends = await this.#questions.askAll('snapshot-done', (request) => ({
      kind: 'snapshot-wanted',
      request,
      snapshotNumber,
    }));
    const faults = ends.flatMap((end, shard): [AdminRefusal, string][] => {
      if (!end.ok) return [['SHARD_DOWN', `shard ${shard}: ${end.reason}`]];
      const { end: made } = end.message;
      return made.ok ? [] : [[made.code, `shard ${shard}: ${made.reason}`]];
    });
    const [first] = faults;
    return first === undefined
      ? { ok: true }
      : { ok: false, code: first[0], reasons: faults.map(([, reason]) => reason) };
  }

  /** [NP2] */
  async #undo(entries: Entries, entry: IndexedSnapshot, fault: Refused): Promise<Refused> {
    const left = await this.#forget(entries, entry);
    return left.length === 0 ? fault : { ...fault, reasons: [...fault.reasons, ...left] };
  }

  async #drop(name: string): Promise<AdminAnswer<SnapshotDropReport>> {
    const read = await this.#options.index.read();
    if (!read.ok) return read;
    const known = await this.#askHeld();
    const found = [...read.value, ...unnamed(read.value, known)].find((one) => one.name === name);
    if (found === undefined) return refused('NO_SUCH_SNAPSHOT', `there is no snapshot ${name}`);
    const others = read.value.filter((entry) => entry.name !== name);
    const entry: IndexedSnapshot = { ...found, state: 'dropping' };
    this.#hasLeftovers = true;
    const begun = await this.#write([...others, entry]);
    // [NP5]
    if (!begun.ok && begun.code !== 'DISK_FULL') return begun;
    const left = await this.#forget(others, entry);
    if (left.length > 0)
      return refused(known.reasons.length > 0 ? 'SHARD_DOWN' : 'FAILED', ...left);
    this.#hasLeftovers = others.some(({ state }) => state !== 'made');
    const { nodeId } = this.#options;
    return { ok: true, result: { nodeId, name, number: entry.number } };
  }

  /** From every shard, and then from the index; what is left of it, in sentences. [NP4] */
  async #forget(others: Entries, { name, number }: IndexedSnapshot): Promise<string[]> {
    const ends = await this.#questions.askAll('snapshot-dropped', (request) => ({
      kind: 'snapshot-drop',
      request,
      snapshotNumber: number,
    }));
    const reasons = ends.flatMap((end, shard): string[] => {
      const reason = end.ok ? end.message.reason : end.reason;
      const isGone = end.ok && end.message.ok;
      return isGone ? [] : [`shard ${shard} has not removed its part of ${name} yet: ${reason}`];
    });
    if (reasons.length > 0) return reasons;
    const written = await this.#write(others);
    return written.ok ? [] : [...written.reasons];
  }

  /** [NP2] The entries that are left: those whose rest cannot go now stay. */
  async #settle(): Promise<IndexResult<Entries>> {
    const read = await this.#options.index.read();
    if (!read.ok) return read;
    let entries = read.value;
    for (const entry of read.value.filter(({ state }) => state !== 'made')) {
      const others = entries.filter((one) => one !== entry);
      const left = await this.#forget(others, entry);
      if (left.length === 0) entries = others;
    }
    this.#hasLeftovers = entries.some(({ state }) => state !== 'made');
    return { ok: true, value: entries };
  }

  /** [NP2] When a shard has come and was the last, and behind each command; once each time. */
  #settleIfPossible(): void {
    if (!this.#hasLeftovers || this.#change !== undefined || !this.#questions.allServe) return;
    const what = 'what was left of a snapshot is being removed';
    void this.#begin({ what, makes: '', isSettling: true, done: this.#settle() });
  }

  async #askHeld(): Promise<HeldByShards> {
    const answers = await this.#questions.askAll('snapshots', (request) => ({
      kind: 'snapshots-wanted',
      request,
    }));
    const told = answers.flatMap((answer) => (answer.ok ? [answer.message] : []));
    return {
      held: answers.map((answer) => (answer.ok ? answer.message.held : undefined)),
      lastNumber: Math.max(0, ...told.map(({ lastNumber }) => lastNumber)),
      pinnedBytes: told.reduce((sum, { pinnedBytes }) => sum + pinnedBytes, 0),
      reasons: answers.flatMap((answer, shard) =>
        answer.ok ? [] : [`shard ${shard}: ${answer.reason}`],
      ),
    };
  }

  #write(entries: Entries): Promise<IndexResult<null>> {
    return this.#options.index.write(entries);
  }

  #report(entry: IndexedSnapshot, { held }: HeldByShards): SnapshotReport {
    const { nodeId, dataFolder } = this.#options;
    const { name, number, createdAt } = entry;
    const ownName = nameOfNumber(number);
    const shards = held.flatMap((ofShard, shard) => {
      const one = ofShard?.find(({ snapshotNumber }) => snapshotNumber === number);
      if (one === undefined) return [];
      const { sequence, fileCount, byteCount } = one;
      const place = path.join(shardFolder(path.resolve(dataFolder), shard), ownName);
      return [{ shard, path: place, sequence, fileCount, byteCount }];
    });
    const answered = held.filter((ofShard) => ofShard !== undefined).length;
    return {
      nodeId,
      name,
      number,
      state: this.#stateOf(entry, shards.length < answered),
      createdAt: createdAt === '' ? null : createdAt,
      path: path.join(path.resolve(dataFolder), ownName),
      byteCount: shards.reduce((sum, { byteCount }) => sum + byteCount, 0),
      shards,
    };
  }

  #stateOf({ state, name }: IndexedSnapshot, isLacking: boolean): SnapshotState {
    if (state === 'made') return isLacking ? 'incomplete' : 'made';
    // What nobody is making any more is to go.
    return state === 'making' && this.#change?.makes !== name ? 'dropping' : state;
  }
}

/** What shards hold and no name is known of. */
function unnamed(entries: Entries, { held }: HeldByShards): Entries {
  const known = new Set(entries.map(({ number }) => number));
  const numbers = new Set(
    held.flatMap((ofShard) => (ofShard ?? []).map(({ snapshotNumber }) => snapshotNumber)),
  );
  return [...numbers]
    .filter((number) => !known.has(number))
    .map((number) => ({ name: nameOfNumber(number), number, state: 'made', createdAt: '' }));
}

function takenText({ name, state, createdAt }: IndexedSnapshot): string {
  if (state === 'made') return `there is a snapshot ${name}, made at ${createdAt}`;
  return `the snapshot ${name} has not gone from every shard yet`;
}

function refused(code: AdminRefusal, ...reasons: readonly string[]): Refused {
  return { ok: false, code, reasons };
}
