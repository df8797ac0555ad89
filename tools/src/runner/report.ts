// How results read: one line for a good file, everything for a bad one, and a last line that
// machines read: `N passed, N failed`.
import type { FileResult } from './run-file.ts';

export function fileLines(result: FileResult): string {
  const figures = `${result.seconds.toFixed(1).padStart(5)} s ${String(result.passed).padStart(4)}`;
  if (result.failed === 0) return `ok   ${figures}  ${result.name}`;
  const failures = result.failures.map((failure) => indent(failure)).join('\n');
  const output = withoutProgress(result.output);
  const written = output === '' ? '' : `\n  -- it wrote:\n${indent(output)}`;
  return `FAIL ${figures}  ${result.name}\n${failures}${written}`;
}

export function summaryLines(
  results: readonly FileResult[],
  faults: readonly string[],
  seconds: number,
): string {
  const passed = sum(results.map((result) => result.passed));
  const failed = sum(results.map((result) => result.failed)) + faults.length;
  const bad = results.filter((result) => result.failed > 0).map((result) => result.name);
  return [
    '',
    ...faults.map((fault) => `FAIL ${fault}`),
    ...bad.map((name) => `FAIL ${name}`),
    `${results.length} files in ${seconds.toFixed(1)} s`,
    `${passed} passed, ${failed} failed`,
  ].join('\n');
}

/** uvu draws a mark per test and a count per suite: the runner tells those itself. */
function withoutProgress(output: string): string {
  return output
    .split('\n')
    .map((line) => line.replace(/^(?:[•✘] )*(?: {2}\(\d+ \/ \d+\))?/u, ''))
    .filter((line) => line.trim() !== '')
    .join('\n');
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
