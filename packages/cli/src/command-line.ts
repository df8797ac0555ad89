/**
 * From the arguments of the process to one checked call of one command, and from however that ends to
 * an exit code.
 *
 * Invariants:
 *   CM1 a command runs only when every argument was understood
 *   CM2 what a user can cause is told in one line; only a fault of this program shows a stack
 */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { Refusal, UsageError, type Call, type Command } from './command.ts';
import { commandHelpText, overviewText } from './commands/help.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { selfCommand } from './self-command.ts';
import type { Terminal } from './terminal.ts';

export async function runCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  terminal: Terminal,
): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') {
    await terminal.print(overviewText(commands));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = commands.find((one) => one.name === name);
  if (command === undefined) {
    const names = commands.map((one) => one.name).join(', ');
    terminal.printError(`There is no command "${name}"; there is ${names}.`);
    return EXIT.usage;
  }
  return runCommand(command, rest, terminal);
}

export async function runCommand(
  command: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  try {
    const call = parseCall(command, args, terminal);
    if (call.options['help'] === true) {
      await terminal.print(commandHelpText(command));
      return EXIT.ok;
    }
    return await command.run(call);
  } catch (error) {
    return report(error, command, terminal);
  }
}

/** [CM1] */
export function parseCall(command: Command, args: readonly string[], terminal: Terminal): Call {
  const options: NonNullable<ParseArgsConfig['options']> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const [name, { type, short }] of Object.entries(command.options)) {
    options[name] = short === undefined ? { type } : { type, short };
  }
  const { values, positionals } = parsed(args, options);
  if (values['help'] !== true) checkCount(command, positionals.length);
  return { options: values, positionals, terminal };
}

function parsed(
  args: readonly string[],
  options: NonNullable<ParseArgsConfig['options']>,
): { values: Call['options']; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    });
    return { values: values as Call['options'], positionals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
    throw new UsageError(message.split('\n').join(' '));
  }
}

function checkCount({ usage, positionalsMin, positionalsMax }: Command, count: number): void {
  if (count < positionalsMin) throw new UsageError(`it takes ${usage}`);
  if (count <= positionalsMax) return;
  throw new UsageError(usage === '' ? 'it takes no arguments' : `it takes no more than ${usage}`);
}

function report(error: unknown, command: Command, terminal: Terminal): ExitCode {
  const { name } = command;
  const say = (text: string): void => {
    terminal.printError(`${terminal.paintError('bad', 'clockwise:')} ${text}`);
  };
  if (error instanceof UsageError) {
    say(`${name}: ${error.message}. Next: ${selfCommand()(`help ${name}`)}`);
    return EXIT.usage;
  }
  if (error instanceof Refusal) {
    if (error.account !== '') terminal.printError(error.account);
    say(error.message);
    return error.exitCode;
  }
  say(`a fault of this program: ${error instanceof Error ? error.stack : String(error)}`);
  return EXIT.fault;
}
