/** What an availability run prints, and writes as JSON. */
import { cpus } from 'node:os';
import { type AvailabilityResult, SUCCESS_SHARE } from './run-availability.ts';
import { type WindowRow, worstOf } from './request-windows.ts';

export interface AvailabilityReport {
  readonly node: string;
  readonly processors: number;
  readonly seed: string;
  readonly met: boolean;
  readonly successWanted: number;
  readonly worst: WindowRow;
  readonly requests: number;
  readonly failed: number;
  readonly windows: readonly WindowRow[];
  readonly faults: AvailabilityResult['faults'];
  readonly violations: AvailabilityResult['violations'];
  readonly keys: number;
  readonly keysWithSiblings: number;
  readonly drainedSeconds: number;
  readonly partitionsDiffering: number;
  readonly skipped: readonly string[];
}

export function reportOf(seed: string, result: AvailabilityResult): AvailabilityReport {
  const { rows, violations } = result;
  const sum = (pick: (row: WindowRow) => number): number =>
    rows.reduce((total, row) => total + pick(row), 0);
  return {
    node: process.version,
    processors: cpus().length,
    seed,
    met: violations.length === 0 && rows.every((row) => row.isMet),
    successWanted: SUCCESS_SHARE,
    worst: worstOf(rows),
    requests: sum((row) => row.requests),
    failed: sum((row) => row.failed),
    windows: rows,
    faults: result.faults,
    violations,
    keys: result.keys,
    keysWithSiblings: result.keysWithSiblings,
    drainedSeconds: result.drainedSeconds,
    partitionsDiffering: result.partitionsDiffering,
    skipped: result.skipped,
  };
}

const TEXT_PRINTED = 400;
const VIOLATIONS_PRINTED = 20;

export function linesOf(report: AvailabilityReport): string[] {
  const { worst, violations, windows, requests, failed } = report;
  const unmet = windows.filter((row) => !row.isMet).length;
  const percent = (100 * (requests - failed)) / requests;
  return [
    'second requests failed   success     p50     p99  longest  faults (ms)',
    ...windows.map(lineOf),
    `worst second: ${worst.second}, ${success(worst)} of ${worst.requests} requests`,
    `${requests} requests, ${failed} failed (${percent.toFixed(4)} % succeeded)`,
    `nobody owed anybody anything after ${report.drainedSeconds.toFixed(1)} s; then ` +
      `${report.partitionsDiffering} partitions differed, before any read that mends`,
    `${report.keysWithSiblings} of ${report.keys} keys hold concurrent values at rest`,
    ...violations
      .slice(0, VIOLATIONS_PRINTED)
      .map(({ oracle, text }) => `  ${oracle} ${text.slice(0, TEXT_PRINTED)}`),
    `${violations.length} violations; ${unmet} of ${windows.length} seconds below ` +
      `${100 * report.successWanted} %: ${report.met ? 'met' : 'NOT MET'}`,
    ...report.skipped.map((what) => `SKIPPED ${what}`),
  ];
}

function lineOf(row: WindowRow): string {
  const { second, requests, failed, p50Ms, p99Ms, longestMs, heldUpMs, failures, faults } = row;
  const heldUp = heldUpMs >= 100 ? [`the load was held up for ${heldUpMs.toFixed(0)} ms`] : [];
  const codes = Object.entries(failures).map(([code, count]) => `${count} x ${code}`);
  const told = [...faults, ...codes, ...heldUp].join('; ');
  const columns = [
    String(second).padStart(6),
    String(requests).padStart(8),
    String(failed).padStart(6),
    success(row).padStart(9),
    p50Ms.toFixed(1).padStart(7),
    p99Ms.toFixed(0).padStart(7),
    longestMs.toFixed(0).padStart(8),
  ];
  return `${columns.join(' ')}  ${told}`.trimEnd();
}

function success(row: WindowRow): string {
  return `${(100 * row.success).toFixed(2)} %`;
}
