/**
 * What a benchmark hands back, the result file, and the table on the screen.
 *
 * The result file is read by other programs; its shape stays:
 * `{ machine, versions, results: [{ name, value, unit, peer, peerValue, ratio, note? }] }`.
 * `ratio` says how many times better than the peer we are, whichever way better lies: above 1 is
 * good for throughput and for latency alike. Without a peer, or when it is not installed, `peer`
 * still says whom we would compare with or '', and `peerValue` and `ratio` are null.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { dirname } from 'node:path';

export type BenchResult = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: string;
  readonly peerValue: number | null;
  readonly ratio: number | null;
  /** What bounds or qualifies the figure, for readers. */
  readonly note?: string;
};

export type Measured = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly peer?: string;
  readonly peerValue?: number;
  readonly note?: string;
};

export type BenchOutcome = {
  readonly results: readonly BenchResult[];
  /** Of what was measured beside Node: `{ redis: '7.0.15' }`. */
  readonly versions?: Readonly<Record<string, string>>;
};

/** One line of the table in bench.ts. */
export type Benchmark = {
  readonly name: string;
  readonly description: string;
  run(args: readonly string[]): Promise<BenchOutcome>;
};

export type Machine = {
  readonly processor: string;
  readonly processors: number;
  readonly memoryMiB: number;
  readonly system: string;
  readonly architecture: string;
};

export type Report = {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly results: readonly BenchResult[];
};

export function resultOf(measured: Measured): BenchResult {
  const { name, value, unit, better, peer = '', peerValue, note } = measured;
  const ratio =
    peerValue === undefined ? null : better === 'higher' ? value / peerValue : peerValue / value;
  return {
    name,
    value: rounded(value),
    unit,
    peer,
    peerValue: peerValue === undefined ? null : rounded(peerValue),
    ratio: ratio === null ? null : rounded(ratio),
    ...(note === undefined ? {} : { note }),
  };
}

export function reportOf(outcome: BenchOutcome): Report {
  const versions = {
    node: process.versions.node,
    v8: process.versions.v8,
    ...outcome.versions,
  };
  return { machine: machineHere(), versions, results: outcome.results };
}

export async function writeReport(report: Report, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

export function reportText(report: Report): string {
  const { machine, versions, results } = report;
  const rows = results.map((result) => [
    result.name,
    `${figure(result.value)} ${result.unit}`,
    result.peer,
    result.peerValue === null ? '-' : `${figure(result.peerValue)} ${result.unit}`,
    result.ratio === null ? '-' : `${result.ratio.toFixed(2)} x`,
  ]);
  const notes = results.flatMap((result) =>
    result.note === undefined ? [] : [`  ${result.name}: ${result.note}`],
  );
  return [
    `${machine.processor}, ${machine.processors} processors, ${machine.memoryMiB} MiB, ` +
      `${machine.system} (${machine.architecture})`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    '',
    tableText(['measured', 'ours', 'peer', 'peer measured', 'better by'], rows),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n');
}

/** Columns padded to their widest cell. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** The middle one, or the mean of the middle two. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value below which `share` (0 to 1) of the sorted values lie. */
export function percentileOf(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** No host name: results are published. */
function machineHere(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown processor',
    processors: processors.length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    system: `${platform()} ${release()}`,
    architecture: arch(),
  };
}

/** Four significant digits are more than any of these measurements hold. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function figure(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(value);
}
