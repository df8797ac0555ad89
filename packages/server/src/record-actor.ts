/**
 * `--record`: a recording of an actor's steps from its start on, in a folder of the user's choice.
 *
 *     DIR/NODE/coordinator-0-1.recording      the first life of coordinator-0
 *     DIR/NODE/replica-0-1.recording, replica-0-1.store/
 *
 * Boundary: files and what the core is built from; steps are runtime/recording's.
 *
 * Invariants:
 *   RA1 all recordings of an actor in the folder together stay within the bound
 *   RA2 an actor that cannot be recorded runs all the same, and the log says why it is not recorded
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Limits } from '@clockwise/kernel/limits';
import { RecordingCore, type RecordsNamed } from '@clockwise/runtime/recording/recording-core';
import { bytesWithoutSteps, END_REASON } from '@clockwise/runtime/recording/recording-format';
import { RecordingWriter } from '@clockwise/runtime/recording/recording-writer';
import { linkStore } from '@clockwise/runtime/recording/store-copy';
import { encodeValue } from '@clockwise/runtime/recording/value-codec';
import type { Hosting } from '@clockwise/runtime/shell/shell-types';
import type { ActorContext, ReplicaLife } from './actor-cores.ts';
import type { NodeData } from './node-data.ts';
import { VERSION } from './version.ts';

/** What a core is built from, as a recording has it. */
export interface RecordedSetup {
  readonly actor: string;
  /** Of the program. */
  readonly version: string;
  readonly now: number;
  readonly wallTimeMs: number;
  readonly seed: string;
  readonly limits: Limits;
  readonly data: NodeData;
  /** Of a replica. */
  readonly life: ReplicaLife | null;
}

/** What the actor's steps touch beside their input. */
export interface ActorMemory {
  readonly recordsNamed?: RecordsNamed;
  readonly chunks?: readonly Int32Array[];
}

/** Puts a recording around a hosted core, or nothing where there is none. */
export type Recorder = (hosting: Hosting, memory?: ActorMemory) => Hosting;

const NOTHING_NAMED: RecordsNamed = () => [];
const LEVEL_WARN = 40;

/** REQUIRES: the actor's core, and a replica's store, are opened after this. */
export function recorderOf(
  actor: string,
  context: ActorContext,
  life: ReplicaLife | null = null,
): Recorder {
  const writer = openWriter(actor, context, life);
  if (writer === undefined) return (hosting) => hosting;
  // A thread that dies of an exception outside a step.
  process.once('exit', () => writer.flush());
  return (hosting, memory = {}) => {
    const { recordsNamed = NOTHING_NAMED, chunks = [] } = memory;
    const core = new RecordingCore({ core: hosting.core, writer, recordsNamed, chunks });
    return { ...hosting, core, ended: () => writer.close(END_REASON.stopped) };
  };
}

export function storeFolderOf(file: string): string {
  return file.replace(/\.recording$/, '.store');
}

function openWriter(
  actor: string,
  context: ActorContext,
  life: ReplicaLife | null,
): RecordingWriter | undefined {
  const { data } = context;
  if (data.record === null) return undefined;
  const { nodeId } = data.ring.nodes[data.ring.ownNode]!;
  const folder = path.join(data.record.folder, nodeId);
  const say = (why: string, file = ''): void => warn({ node: nodeId, actor, file, reason: why });
  try {
    mkdirSync(folder, { recursive: true });
    const earlier = earlierOf(folder, actor);
    const file = path.join(folder, `${actor}-${earlier.count + 1}.recording`);
    // [RA1]
    let bytesMax = data.record.bytesMax - earlier.byteCount;
    const setup = encodeValue(setupOf(actor, context, life));
    if (life !== null && bytesMax >= bytesWithoutSteps(setup)) {
      const stored = linkStore(data.folder, storeFolderOf(file), bytesMax);
      if (!stored.ok) {
        say(stored.reason);
        return undefined;
      }
      bytesMax -= stored.copiedBytes;
    }
    if (bytesMax < bytesWithoutSteps(setup)) {
      say(`the bound of ${data.record.bytesMax} bytes is used up by earlier recordings`);
      return undefined;
    }
    const ended = (why: string): void => say(why, file);
    return new RecordingWriter({ file, bytesMax, setup, ended });
  } catch (error) {
    // [RA2]
    say((error as Error).message);
    return undefined;
  }
}

function setupOf(actor: string, context: ActorContext, life: ReplicaLife | null): RecordedSetup {
  const { now, wallTimeMs, seed, limits, data } = context;
  return { actor, version: VERSION, now, wallTimeMs, seed, limits, data, life };
}

interface Earlier {
  /** The highest number of a recording of this actor. */
  readonly count: number;
  readonly byteCount: number;
}

function earlierOf(folder: string, actor: string): Earlier {
  let count = 0;
  let byteCount = 0;
  const pattern = new RegExp(`^${actor}-(\\d+)\\.(recording|store)$`);
  for (const name of readdirSync(folder)) {
    const match = pattern.exec(name);
    if (match === null) continue;
    count = Math.max(count, Number(match[1]));
    const place = path.join(folder, name);
    if (match[2] === 'recording') byteCount += statSync(place).size;
    else byteCount += ownBytes(place);
  }
  return { count, byteCount };
}

/** Bytes of a store put aside that nobody else holds any more. */
function ownBytes(folder: string): number {
  return readdirSync(folder)
    .map((name) => statSync(path.join(folder, name)))
    .filter((status) => status.nlink === 1)
    .reduce((sum, status) => sum + status.size, 0);
}

/** A line as the node's log has them; the log itself is another thread's. */
function warn(fields: Readonly<Record<string, string>>): void {
  const line = { level: LEVEL_WARN, time: Date.now(), pid: process.pid, ...fields };
  process.stderr.write(`${JSON.stringify({ ...line, msg: 'not recorded any more' })}\n`);
}
