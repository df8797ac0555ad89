/** What a command is: its name, what may be said to it, and what it does. One file each in commands/. */
import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export interface OptionDefinition {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** What stands for the value in the help: `N`. */
  readonly value?: string;
  readonly help: string;
}

export type OptionTable = Readonly<Record<string, OptionDefinition>>;

export interface Command {
  readonly name: string;
  /** Positional arguments as the help shows them: `KEY VALUE`. */
  readonly usage: string;
  readonly summary: string;
  readonly options: OptionTable;
  readonly positionalsMin: number;
  readonly positionalsMax: number;
  /** Lines below the options in the command's help. */
  readonly notes: readonly string[];
  run(call: Call): Promise<ExitCode>;
}

/** One invocation, its arguments checked against the command's table. */
export interface Call {
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

/** Options of every command that talks to a cluster. */
export const CONNECTION_OPTIONS: OptionTable = {
  connect: {
    type: 'string',
    value: 'HOST:PORT,...',
    help: 'coordinators to connect to',
  },
  data: {
    type: 'string',
    value: 'DIR',
    help: 'data folder of the local cluster that is meant',
  },
  timeout: {
    type: 'string',
    value: 'MS',
    help: 'for each operation, its retries included',
  },
};

export const OUTPUT_OPTION: OptionTable = {
  output: { type: 'string', short: 'o', value: 'FORMAT', help: 'table (default) or json' },
};

/** The command line is wrong: said in one sentence; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command will not do it: said in one sentence with the way out; the exit code says why. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly exitCode: ExitCode;
  /** Printed before the sentence; empty: nothing. */
  readonly account: string;

  constructor(message: string, exitCode: ExitCode, account: string = '') {
    super(message);
    this.exitCode = exitCode;
    this.account = account;
  }
}

export function textOption(call: Call, name: string): string | undefined {
  const value = call.options[name];
  return typeof value === 'string' ? value : undefined;
}

export function flag(call: Call, name: string): boolean {
  return call.options[name] === true;
}

/** REQUIRES: `max` is at most 2^53. */
export function integerOption(
  call: Call,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const text = textOption(call, name);
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${name} is a whole number from ${min} to ${max}, not "${text}"`);
}

/** One of the names given; the first is the default. */
export function choiceOption<Name extends string>(
  call: Call,
  name: string,
  choices: readonly [Name, ...Name[]],
): Name {
  const text = textOption(call, name);
  if (text === undefined) return choices[0];
  const chosen = choices.find((choice) => choice === text);
  if (chosen !== undefined) return chosen;
  throw new UsageError(`--${name} is one of ${choices.join(', ')}, not "${text}"`);
}
