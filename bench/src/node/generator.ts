/**
 * The lean load generator, a process of its own: raw sockets, frames prepared ahead, a fixed number of
 * frames in flight per connection. Arguments as JSON in argv[2]; prints one line of JSON: operations,
 * seconds, its own processor seconds, latency of a frame in microseconds.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { ArrayBacking } from '@clockwise/protocol/array-backing';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { writeControl } from '@clockwise/protocol/message-codec';
import { percentileOf } from '../report.ts';
import { AnswerCounter } from './answer-counter.ts';
import {
  asMessage,
  type LoadKind,
  prepareFrames,
  type PreparedFrame,
  renumber,
} from './prepared-frames.ts';

export interface LoadOptions {
  readonly host: string;
  /** Connections are dealt out to them in turn. */
  readonly ports: readonly number[];
  readonly connections: number;
  readonly framesInFlight: number;
  readonly operationsPerFrame: number;
  readonly kind: LoadKind;
  readonly bucketId: number;
  /** LEVEL; 0: the bucket's. */
  readonly level: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  /** How long to run; a fill runs until each key was put once. */
  readonly seconds: number;
}

export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  /** User and system time of the generator. */
  readonly processorSeconds: number;
  readonly failed: number;
  readonly notFound: number;
  readonly lastFailure: number;
  readonly latencyUsP50: number;
  readonly latencyUsP99: number;
  readonly latencyUsP999: number;
}

type Counted = Omit<LoadResult, 'latencyUsP50' | 'latencyUsP99' | 'latencyUsP999'>;

const FRAMES_PREPARED = 2048;
const SAMPLES_MAX = 1_000_000;
const READ_BYTES = 64 * 1024;

interface Line {
  readonly socket: Socket;
  readonly counter: AnswerCounter;
  /** Operations of the oldest frame in flight that are not answered yet. */
  open: number;
  readonly sentAt: number[];
  done: boolean;
}

class Load {
  readonly #options: LoadOptions;
  readonly #frames: PreparedFrame[];
  readonly #latencies: Float64Array = new Float64Array(SAMPLES_MAX);
  readonly #readBuffer: Buffer = Buffer.allocUnsafe(READ_BYTES);
  #sampleCount = 0;
  #next = 0;
  #sequence = 0;
  #stopAt = Infinity;
  #running = 0;
  #finished: () => void = () => undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    const fill = options.kind === 'fill';
    this.#frames = prepareFrames({
      ...options,
      session: randomBytes(4).readInt32LE(),
      frameCount: fill ? Math.ceil(options.keyCount / options.operationsPerFrame) : FRAMES_PREPARED,
    });
  }

  async run(): Promise<LoadResult> {
    const lines = await Promise.all(
      Array.from({ length: this.#options.connections }, (_, index) => this.#open(index)),
    );
    const processor = process.cpuUsage();
    const start = performance.now();
    // What is in flight at the end is waited for and not counted: it may take as long as it likes.
    let counted: Counted | undefined;
    if (this.#options.kind !== 'fill') {
      this.#stopAt = start + this.#options.seconds * 1000;
      setTimeout(() => (counted = countUp(lines, start, processor)), this.#options.seconds * 1000);
    }
    const over = new Promise<void>((resolve) => {
      this.#finished = resolve;
    });
    this.#running = lines.length;
    for (const line of lines) this.#begin(line);
    await over;
    counted ??= countUp(lines, start, processor);
    for (const line of lines) line.socket.destroy();
    const sorted = this.#latencies.slice(0, this.#sampleCount).toSorted();
    return {
      ...counted,
      latencyUsP50: Math.round(percentileOf(sorted, 0.5)),
      latencyUsP99: Math.round(percentileOf(sorted, 0.99)),
      latencyUsP999: Math.round(percentileOf(sorted, 0.999)),
    };
  }

  /** Connects, upgrades and greets. Reads go into one buffer that is used again and again. */
  async #open(index: number): Promise<Line> {
    const { host, ports } = this.#options;
    const port = ports[index % ports.length]!;
    const state: { line: Line | undefined; early: (text: string) => void } = {
      line: undefined,
      early: () => undefined,
    };
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: this.#readBuffer,
        callback: (byteCount, buffer) => {
          const chunk = (buffer as Buffer).subarray(0, byteCount);
          if (state.line === undefined) state.early(chunk.toString('latin1'));
          else this.#take(state.line, chunk);
          return true;
        },
      },
    });
    const answer = (enough: (text: string) => boolean): Promise<void> =>
      new Promise((resolve, reject) => {
        let text = '';
        socket.once('error', reject);
        state.early = (more) => {
          text += more;
          if (!enough(text)) return;
          socket.off('error', reject);
          resolve();
        };
      });
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    await answer((text) => text.includes('\r\n\r\n'));
    socket.write(asMessage(helloFrame()).bytes);
    await answer((text) => text.length > 100);
    const line: Line = { socket, counter: new AnswerCounter(), open: 0, sentAt: [], done: false };
    state.line = line;
    socket.on('error', (error) => {
      throw error;
    });
    socket.on('close', () => {
      if (!line.done) throw new Error('the server closed a connection under load');
    });
    return line;
  }

  #begin(line: Line): void {
    for (let frame = 0; frame < this.#options.framesInFlight; frame += 1) this.#send(line);
    line.open = this.#options.operationsPerFrame;
  }

  #send(line: Line): void {
    const frame = this.#frames[this.#next % this.#frames.length]!;
    this.#next += 1;
    if (this.#options.kind !== 'get') this.#sequence = renumber(frame, this.#sequence);
    line.sentAt.push(performance.now());
    line.socket.write(frame.bytes);
  }

  #isOver(now: number): boolean {
    return this.#options.kind === 'fill' ? this.#next >= this.#frames.length : now >= this.#stopAt;
  }

  #take(line: Line, chunk: Buffer): void {
    let count = line.counter.take(chunk);
    const now = performance.now();
    // What one read answers is asked again by one write, as the SDK does.
    line.socket.cork();
    while (count >= line.open && line.sentAt.length > 0) {
      count -= line.open;
      line.open = this.#options.operationsPerFrame;
      const sentAt = line.sentAt.shift()!;
      if (this.#sampleCount < SAMPLES_MAX) {
        this.#latencies[this.#sampleCount] = (now - sentAt) * 1000;
        this.#sampleCount += 1;
      }
      if (!this.#isOver(now)) this.#send(line);
    }
    line.socket.uncork();
    line.open -= count;
    if (line.sentAt.length > 0 || line.done) return;
    line.done = true;
    this.#running -= 1;
    if (this.#running === 0) this.#finished();
  }
}

/** What was answered so far, in how much time. */
function countUp(
  lines: readonly Line[],
  startedAt: number,
  processorAtStart: NodeJS.CpuUsage,
): Counted {
  const used = process.cpuUsage(processorAtStart);
  const sum = (pick: (counter: AnswerCounter) => number): number =>
    lines.reduce((total, line) => total + pick(line.counter), 0);
  return {
    operations: sum((counter) => counter.answered),
    seconds: (performance.now() - startedAt) / 1000,
    processorSeconds: (used.user + used.system) / 1e6,
    failed: sum((counter) => counter.failed),
    notFound: sum((counter) => counter.notFound),
    lastFailure: Math.max(...lines.map((line) => line.counter.lastFailure)),
  };
}

function helloFrame(): Int32Array {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  writeControl(writer, {
    kind: 'hello',
    protocolVersionMin: 1,
    protocolVersionMax: 1,
    role: 'client',
    clusterId: '',
    session: { low: 1, high: 1 },
    nodeId: '',
    epoch: 0,
    ringHash: '',
    featureBits: 0,
  });
  writer.flush();
  return backing.take()[0]!;
}

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions;
console.log(JSON.stringify(await new Load(options).run()));
