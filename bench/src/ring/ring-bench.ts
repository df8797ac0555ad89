/**
 * `npm run bench -- ring`: sharedarraybuffer-ring beside MessagePort, between two threads of one
 * process, messages of 128 bytes of which every word is written and read.
 *
 * Figures are medians over several runs, ours and the peer's in turns, each in fresh threads after a
 * warm-up. Not measured: other loads on the machine at the same time, larger messages, latency
 * under load. What the reader does between messages is nothing; a busy reader sleeps less and the
 * ring then costs less.
 */
import { parseArgs } from 'node:util';
import { medianOf, percentileOf, resultOf } from '../report.ts';
import type { Benchmark, BenchOutcome, BenchResult } from '../report.ts';
import { portOneWay, portRoundTrips } from './port-transport.ts';
import { ringOneWay, ringRoundTrips } from './ring-transport.ts';
import { MESSAGE_BYTES } from './transfer.ts';

export const ringBenchmark: Benchmark = {
  name: 'ring',
  description: 'messages between two threads: sharedarraybuffer-ring beside MessagePort',
  run,
};

const PEER = 'MessagePort';
const BATCH = 32;

async function run(args: readonly string[]): Promise<BenchOutcome> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '5' },
      messages: { type: 'string', default: '400000' },
      'round-trips': { type: 'string', default: '20000' },
    },
  });
  const runs = countOf('runs', values.runs);
  const results = [
    ...(await oneWay(runs, countOf('messages', values.messages))),
    ...(await roundTrips(runs, countOf('round-trips', values['round-trips']))),
  ];
  return { results };
}

function countOf(option: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${option} is a count, not ${text}`);
  return count;
}

async function oneWay(runs: number, messages: number): Promise<readonly BenchResult[]> {
  const single = { messages, batch: 1 };
  // Whole batches, the warm-up of a quarter included.
  const batched = { messages: Math.ceil(messages / (BATCH * 4)) * BATCH * 4, batch: BATCH };
  const rates = await inTurns(runs, [
    () => ringOneWay(single, 'async'),
    () => ringOneWay(single, 'blocking'),
    () => portOneWay(single),
    () => ringOneWay(batched, 'async'),
    () => ringOneWay(batched, 'blocking'),
    () => portOneWay(batched),
  ]);
  const [oneAsync, oneBlocking, onePort, manyAsync, manyBlocking, manyPort] = rates.map(medianOf);
  const row = (how: string, value = Number.NaN, peerValue = Number.NaN): BenchResult =>
    resultOf({
      name: `one way, ${MESSAGE_BYTES} B, ${how}`,
      value,
      unit: 'messages/s',
      better: 'higher',
      peer: PEER,
      peerValue,
    });
  return [
    row('one at a time, waitAsync', oneAsync, onePort),
    row('one at a time, blocking', oneBlocking, onePort),
    row(`${BATCH} together, waitAsync`, manyAsync, manyPort),
    row(`${BATCH} together, blocking`, manyBlocking, manyPort),
  ];
}

async function roundTrips(runs: number, count: number): Promise<readonly BenchResult[]> {
  const [ringAsync, ringBlocking, port] = await inTurns(runs, [
    () => ringRoundTrips(count, 'async'),
    () => ringRoundTrips(count, 'blocking'),
    () => portRoundTrips(count),
  ]);
  const rows = (how: string, ours: readonly Float64Array[] = []): readonly BenchResult[] =>
    ([50, 99] as const).map((percent) =>
      resultOf({
        name: `round trip, ${MESSAGE_BYTES} B, ${how}, p${percent}`,
        value: percentileOverRuns(ours, percent),
        unit: 'us',
        better: 'lower',
        peer: PEER,
        peerValue: percentileOverRuns(port ?? [], percent),
      }),
    );
  return [...rows('waitAsync', ringAsync), ...rows('blocking', ringBlocking)];
}

function percentileOverRuns(runs: readonly Float64Array[], percent: number): number {
  return medianOf(runs.map((trips) => percentileOf(trips.toSorted(), percent / 100)));
}

/** Runs each candidate once, then all again, so that a slow minute of the machine hits them all. */
async function inTurns<Value>(
  runs: number,
  candidates: readonly (() => Promise<Value>)[],
): Promise<readonly (readonly Value[])[]> {
  const values: Value[][] = candidates.map(() => []);
  for (let round = 0; round < runs; round++) {
    for (const [index, candidate] of candidates.entries()) {
      values[index]!.push(await candidate());
    }
  }
  return values;
}
