/**
 * The SDK with 1,000 operations in flight beside ioredis with automatic pipelining, each in a process
 * of its own, in turn.
 */
import { fileURLToPath } from 'node:url';
import { type BenchResult, medianOf, resultOf } from '../report.ts';
import { runProgram } from './child.ts';
import type { ClockwiseServer } from './clockwise-server.ts';
import type { RedisPeer } from './redis-peer.ts';
import type { SdkLoad, SdkResult } from './sdk-load.ts';

const IN_FLIGHT = 1000;
const VALUE_BYTES = 100;

export async function measureSdk(
  clockwise: ClockwiseServer,
  peer: RedisPeer | undefined,
  bucket: string,
  settings: { readonly runs: number; readonly seconds: number; readonly keyCount: number },
): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const kind of ['get', 'put'] as const) {
    const ours: number[] = [];
    const theirs: number[] = [];
    const processors: number[] = [];
    for (let run = 0; run < settings.runs; run += 1) {
      const load = { kind, bucket, inFlight: IN_FLIGHT, valueBytes: VALUE_BYTES, ...settings };
      const own = await runLoad({ ...load, target: 'clockwise', port: clockwise.port });
      ours.push(own.operations / own.seconds);
      processors.push(own.processorSeconds / own.seconds);
      if (peer === undefined) continue;
      const other = await runLoad({ ...load, target: 'redis', port: peer.port });
      theirs.push(other.operations / other.seconds);
    }
    results.push(
      resultOf({
        name: `sdk ${kind} ${bucket}, ${IN_FLIGHT} in flight`,
        value: medianOf(ours),
        unit: 'operations/s',
        better: 'higher',
        peer: 'ioredis with automatic pipelining',
        ...(theirs.length === 0 ? {} : { peerValue: medianOf(theirs) }),
        note: `client process ${medianOf(processors).toFixed(2)} of a core`,
      }),
    );
  }
  return results;
}

async function runLoad(load: SdkLoad): Promise<SdkResult> {
  const program = fileURLToPath(new URL('./sdk-load.js', import.meta.url));
  return JSON.parse(
    await runProgram(process.execPath, [program, JSON.stringify(load)]),
  ) as SdkResult;
}
