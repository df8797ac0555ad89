/** A run as a person reads it: what it is made of, and its faults and operations in order of time. */
import { type HistoryEntry, isWriteEntry, nameOfDot } from '../checkers/history.ts';
import { LEVEL } from '@clockwise/protocol/frame';
import type { SimulationConfiguration } from './configuration.ts';
import type { FaultEvent } from './fault-schedule.ts';

const SHOWN_CHARACTERS = 24;

export interface ReadableRun {
  readonly configuration: SimulationConfiguration;
  readonly schedule: readonly FaultEvent[];
  readonly history: readonly HistoryEntry[];
  /** Virtual time at which the work began: faults count from there. */
  readonly begunAt: number;
  readonly violations: readonly string[];
}

export function readableRun(run: ReadableRun): string[] {
  const { configuration: it, schedule, history, begunAt, violations } = run;
  const faults = schedule.map((fault) => ({ at: begunAt + fault.atMs, text: faultText(fault) }));
  const operations = history.map((entry) => ({ at: entry.invokedAt, text: entryText(entry) }));
  const lines = [...faults, ...operations].toSorted((left, right) => left.at - right.at);
  return [
    `${it.nodeCount} nodes, ${it.copies} copies, ${it.shardCount} shards, ${it.clientCount} clients, ` +
      `${it.keyCount} keys, workload ${it.workload}, links as ${it.links.mode}s`,
    ...lines.map(({ at, text }) => `${at.toFixed(1).padStart(10)} ms  ${text}`),
    ...firstOfEach(violations).map((violation) => `   =>  ${violation}`),
  ];
}

/** What went wrong, once for each oracle: the first one said most, the others follow from it. */
function firstOfEach(violations: readonly string[]): string[] {
  const byOracle = new Map<string, { readonly first: string; count: number }>();
  for (const violation of violations) {
    const [oracle = ''] = violation.split(' ');
    const known = byOracle.get(oracle);
    if (known === undefined) byOracle.set(oracle, { first: violation, count: 1 });
    else known.count += 1;
  }
  return [...byOracle.values()].map(({ first, count }) =>
    count === 1 ? first : `${first} (and ${count - 1} more of the kind)`,
  );
}

function faultText(fault: FaultEvent): string {
  const { kind, atMs, ...rest } = fault;
  const fields = Object.entries(rest).map(([name, value]) => {
    // Nodes are counted from 0 in plans, and named from 1.
    if (name === 'node') return `n${Number(value) + 1}`;
    return `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`;
  });
  return `FAULT ${kind}: ${fields.join(', ')} (${atMs} ms into the work)`;
}

function entryText(entry: HistoryEntry): string {
  const { client, operation, bucketId, key, level } = entry;
  const who = `client ${client} #${operation}`;
  const where = `${bucketId}/${key} at ${levelText(level)}`;
  if (!isWriteEntry(entry)) {
    const values = entry.values?.map(short).join(' | ') ?? 'failed';
    return `${who} get ${where} -> ${values}${endText(entry)}`;
  }
  const context =
    entry.context === undefined
      ? 'over whatever is there'
      : `with context [${entry.context.map(nameOfDot).join(' ')}]`;
  const value = entry.value === undefined ? '' : ` ${short(entry.value)}`;
  return `${who} ${entry.kind} ${where}${value} ${context} -> ${entry.outcome}${endText(entry)}`;
}

function endText({ completedAt }: HistoryEntry): string {
  return completedAt === Infinity ? '' : ` (until ${completedAt.toFixed(1)})`;
}

function short(value: string): string {
  return value.length <= SHOWN_CHARACTERS ? value : `${value.slice(0, SHOWN_CHARACTERS)}...`;
}

function levelText(level: number): string {
  const name = Object.entries(LEVEL).find(([, code]) => code === level)?.[0];
  return name ?? String(level);
}
