/**
 * `npm run chaos`: real node processes under faults, judged as the simulator's are.
 *
 * With --disk the real disk of one node is full, or hangs, for so long (cluster/disks).
 * With --availability it is five nodes under an open load, and each second of it is judged as well.
 *
 * Ends in `N rounds passed, N failed`, and with exit code 1 if one failed; a round that fails ends the
 * run, and its data, logs and history are kept. The seed draws workloads and faults; when these meet is
 * the machine's doing.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { commandOptions, integer, refuse } from './command-options.ts';
import { linesOf, reportOf } from './cluster/availability/availability-report.ts';
import type { AvailabilityFamily } from './cluster/availability/fault-schedule.ts';
import {
  type AvailabilityOptions,
  runAvailability,
} from './cluster/availability/run-availability.ts';
import { runCapacity } from './cluster/disks/run-capacity.ts';
import { runFrozen } from './cluster/disks/run-frozen.ts';
import { type ChaosOptions, type ChaosResult, runChaos } from './cluster/chaos/run-chaos.ts';
import type { FaultFamily } from './cluster/chaos/fault-plan.ts';

const AVAILABILITY_FAMILIES: readonly AvailabilityFamily[] = ['kill', 'stop', 'cut'];
const FAMILIES: readonly FaultFamily[] = ['kill', 'stop', 'net', 'disk'];
const VIOLATIONS_PRINTED = 20;
const TEXT_PRINTED = 400;
const NODES_MAX = 9;

const USAGE = `npm run chaos -- --kills 60 [--seed S] [--nodes 3] [--faults kill,stop,net,disk] [--seconds S]
npm run chaos -- --availability [--seconds 60] [--rate 2200] [--seed S] [--faults kill,stop,cut] [--json FILE]
npm run chaos -- --disk capacity|frozen [--seconds 60]`;

const { values: options } = commandOptions(USAGE, {
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string' },
    nodes: { type: 'string', default: '3' },
    faults: { type: 'string' },
    seconds: { type: 'string' },
    availability: { type: 'boolean', default: false },
    rate: { type: 'string', default: '2200' },
    json: { type: 'string' },
    disk: { type: 'string' },
  },
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function familiesOf<Family extends string>(
  text: string | undefined,
  all: readonly Family[],
): readonly Family[] {
  if (text === undefined) return all;
  return text.split(',').map((name) => {
    const family = all.find((one) => one === name);
    return family ?? refuse(`--faults: ${name} is none of ${all.join(',')}`);
  });
}

function report({ violations, rounds, counters, faults, skipped, folder }: ChaosResult): void {
  for (const { oracle, text } of violations.slice(0, VIOLATIONS_PRINTED)) {
    print(`  ${oracle} ${text.slice(0, TEXT_PRINTED)}`);
  }
  const more = violations.length - VIOLATIONS_PRINTED;
  if (more > 0) print(`  and ${more} more`);
  if (folder !== undefined) print(`data, logs and history are kept in ${folder}`);
  const { operations, succeeded, acknowledgedWrites, repeatedWrites } = counters;
  print(
    `${operations} operations, ${succeeded} succeeded, ${acknowledgedWrites} writes acknowledged ` +
      `(${repeatedWrites} sent more than once); puts judged in full ${counters.judgedInFull}, ` +
      `by the answer's context only ${counters.judgedInPart}`,
  );
  const kinds = [...faults].toSorted(([left], [right]) => (left < right ? -1 : 1));
  print(`faults: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  for (const what of skipped) print(`SKIPPED ${what}`);
  const failed = violations.length > 0 ? 1 : 0;
  print(`${rounds - failed} rounds passed, ${failed} failed`);
}

const seed = options.seed ?? String(randomInt(1, 2 ** 31));
const HEADING = `seed ${seed}, node ${process.version}`;
const begunAt = performance.now();

function log(line: string): void {
  print(`${((performance.now() - begunAt) / 1000).toFixed(1).padStart(7)} s  ${line}`);
}

async function chaos(): Promise<boolean> {
  const request: ChaosOptions = {
    seed,
    nodeCount: integer('nodes', options.nodes, 1, NODES_MAX),
    kills: integer('kills', options.kills, 1, 1_000_000),
    families: familiesOf(options.faults, FAMILIES),
    seconds:
      options.seconds === undefined ? undefined : integer('seconds', options.seconds, 1, 86_400),
    log,
  };
  print(HEADING);
  const result = await runChaos(request);
  report(result);
  return result.violations.length === 0;
}

async function availability(): Promise<boolean> {
  const request: AvailabilityOptions = {
    seed,
    seconds: integer('seconds', options.seconds ?? '60', 1, 86_400),
    requestsPerSecond: integer('rate', options.rate, 1, 100_000),
    families: familiesOf(options.faults, AVAILABILITY_FAMILIES),
    log,
  };
  print(HEADING);
  const result = await runAvailability(request);
  const told = reportOf(seed, result);
  for (const line of linesOf(told)) print(line);
  if (result.folder !== undefined) print(`data and logs are kept in ${result.folder}`);
  if (options.json !== undefined) {
    const file = path.resolve(process.env['INIT_CWD'] ?? process.cwd(), options.json);
    writeFileSync(file, `${JSON.stringify(told, undefined, 2)}\n`);
    print(`written to ${file}`);
  }
  return told.met;
}

async function disk(kind: string): Promise<boolean> {
  const runs = { capacity: runCapacity, frozen: runFrozen };
  const run = kind === 'capacity' || kind === 'frozen' ? runs[kind] : undefined;
  if (run === undefined) return refuse(`--disk ${kind}: capacity or frozen`);
  const seconds = integer('seconds', options.seconds ?? '60', 1, 86_400);
  print(HEADING);
  const { violations, skipped, folder } = await run({ seed, seconds, log });
  for (const text of violations.slice(0, VIOLATIONS_PRINTED)) print(`  ${text}`);
  if (folder !== undefined) print(`the data are kept in ${folder}`);
  if (skipped !== undefined) print(`SKIPPED: ${skipped}`);
  else print(violations.length === 0 ? 'passed' : `${violations.length} violations`);
  return violations.length === 0;
}

async function passes(): Promise<boolean> {
  if (options.disk !== undefined) return disk(options.disk);
  return options.availability ? availability() : chaos();
}

process.exitCode = (await passes()) ? 0 : 1;
