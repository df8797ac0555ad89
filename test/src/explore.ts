/**
 * `npm run explore`: looks at every schedule of small cases.
 *
 * A line per case says how many states, transitions and ends there are and whether that was all. A
 * violation prints its schedule; in a file, or as a text with `;;` between the lines, it is played
 * again. Exit code 1 where anything was violated.
 */
import { existsSync, readFileSync } from 'node:fs';
import { commandOptions, integer, refuse } from './command-options.ts';
import { CASES } from './explorer/cases.ts';
import { ExploredWorld } from './explorer/explored-world.ts';
import type { ExplorerCase } from './explorer/explorer-case.ts';
import { describePlan, followSchedule, printSchedule } from './explorer/schedule-text.ts';
import { search, type SearchResult } from './explorer/search.ts';

const STATES_MAX = 2 ** 31;

const USAGE = `npm run explore [-- CASE ...] [--states N]
npm run explore -- CASE --schedule FILE|TEXT

cases: ${CASES.map(({ name }) => name).join(', ')}`;

const { values: options, positionals } = commandOptions(USAGE, {
  options: { states: { type: 'string' }, schedule: { type: 'string' } },
  allowPositionals: true,
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function chosenCases(): readonly ExplorerCase[] {
  if (positionals.length === 0) return CASES;
  return positionals.map((name) => {
    const found = CASES.find((explorerCase) => explorerCase.name === name);
    if (found !== undefined) return found;
    const names = CASES.map((other) => other.name).join(', ');
    return refuse(`no case is called ${name}; there are ${names}`);
  });
}

function explore(explorerCase: ExplorerCase): boolean {
  const begunAt = performance.now();
  const world = new ExploredWorld(explorerCase);
  const { states } = options;
  const statesMax =
    states === undefined ? explorerCase.statesMax : integer('states', states, 1, STATES_MAX);
  const result = search(world, statesMax);
  const seconds = (performance.now() - begunAt) / 1000;
  if (result.found !== undefined) printFailure(world, result);
  const verdict = result.found === undefined ? 'holds' : 'VIOLATED';
  print(
    `${explorerCase.name}: ${result.states} states, ${result.transitions} transitions, ` +
      `${result.ends} ends, depth ${result.depth}, ${seconds.toFixed(1)} s, ` +
      `${extentOf(result)}: ${verdict}${oraclesOf(result)}`,
  );
  return result.found === undefined;
}

function extentOf({ isComplete, found, states }: SearchResult): string {
  if (isComplete) return 'to the end';
  return found === undefined ? `stopped at ${states} states` : 'until it was found';
}

function oraclesOf({ found }: SearchResult): string {
  if (found === undefined) return '';
  const [first] = found.violations;
  return ` after ${found.schedule.length} actions (${first!.oracle}: ${first!.text.split('\n')[0]})`;
}

function printFailure(world: ExploredWorld, { found }: SearchResult): void {
  print(`\n${world.case.name}: ${world.case.what}`);
  printPlans(world.case);
  for (const line of printSchedule(world, found!.schedule)) print(`  ${line}`);
  for (const { oracle, text } of found!.violations) print(`  ${oracle}: ${text}`);
  print(
    `  again: npm run explore -- ${world.case.name} --schedule FILE, with these lines in FILE\n`,
  );
}

function printPlans({ prelude, operations }: ExplorerCase): void {
  for (const plan of prelude) print(`  before: ${plan.name} ${describePlan(plan)}`);
  for (const plan of operations) print(`  ${plan.name} ${describePlan(plan)}`);
}

function replay(explorerCase: ExplorerCase, given: string): boolean {
  const text = existsSync(given) ? readFileSync(given, 'utf8') : given;
  const world = new ExploredWorld(explorerCase);
  const { schedule, violations, stuck } = followSchedule(world, text);
  for (const line of printSchedule(world, schedule)) print(line);
  if (stuck !== undefined) {
    print(`nothing is called "${stuck.label}" here; there are:`);
    for (const label of stuck.offered) print(`  ${label}`);
  }
  for (const violation of violations) print(`${violation.oracle}: ${violation.text}`);
  print(`${schedule.length} actions: ${violations.length === 0 ? 'holds' : 'VIOLATED'}`);
  return violations.length === 0 && stuck === undefined;
}

const cases = chosenCases();
if (options.schedule === undefined) {
  const failedCount = cases.map(explore).filter((holds) => !holds).length;
  if (cases.length > 1) print(`${cases.length - failedCount} cases hold, ${failedCount} do not`);
  process.exitCode = failedCount === 0 ? 0 : 1;
} else {
  const [only] = cases;
  if (cases.length !== 1) refuse('--schedule belongs to one case');
  process.exitCode = replay(only!, options.schedule) ? 0 : 1;
}
