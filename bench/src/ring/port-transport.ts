/** The ring benchmark over MessagePort: messages are copied by the structured clone algorithm. */
import { Worker } from 'node:worker_threads';
import type { PeerTask } from './peer-thread.ts';
import { checkMessage, fillMessage, MESSAGE_WORDS, Stopwatch, warmUpOf } from './transfer.ts';
import type { OneWay } from './transfer.ts';

/** Messages per second from a worker to here. */
export async function portOneWay(load: OneWay): Promise<number> {
  const stopwatch = new Stopwatch(load.messages);
  let received = 0;
  return withPeer<number>({ role: 'port-send', load }, (_peer, words, done) => {
    for (let offset = 0; offset < words.length; offset += MESSAGE_WORDS) {
      checkMessage(words, offset, received++);
    }
    const rate = stopwatch.rateAt(received);
    if (rate !== undefined) done(rate);
  });
}

/** Each round trip to a worker and back, in microseconds. */
export async function portRoundTrips(count: number): Promise<Float64Array> {
  const warmUp = warmUpOf(count);
  const tripsUs = new Float64Array(count);
  const words = new Int32Array(MESSAGE_WORDS);
  let number = 0;
  let startMs = performance.now();
  const send = (peer: Worker): void => {
    startMs = performance.now();
    fillMessage(words, 0, number);
    peer.postMessage(words);
  };
  const receive = (peer: Worker, reply: Int32Array, done: (trips: Float64Array) => void): void => {
    checkMessage(reply, 0, number);
    if (number >= warmUp) tripsUs[number - warmUp] = (performance.now() - startMs) * 1000;
    if (++number === warmUp + count) done(tripsUs);
    else send(peer);
  };
  return withPeer({ role: 'port-echo' }, receive, send);
}

async function withPeer<Result>(
  task: PeerTask,
  receive: (peer: Worker, words: Int32Array, done: (result: Result) => void) => void,
  begin?: (peer: Worker) => void,
): Promise<Result> {
  const peer = new Worker(new URL('./peer-thread.js', import.meta.url), { workerData: task });
  try {
    return await new Promise<Result>((resolve, reject) => {
      peer.on('error', reject);
      peer.on('message', (words: Int32Array) => {
        try {
          receive(peer, words, resolve);
        } catch (error) {
          reject(error);
        }
      });
      begin?.(peer);
    });
  } finally {
    await peer.terminate();
  }
}
