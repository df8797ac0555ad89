/**
 * The options of a command of this package. `--help` prints its usage and ends the process; what cannot be
 * understood is told in one line, with exit code 2.
 */
import process from 'node:process';
import { parseArgs, type ParseArgsConfig } from 'node:util';

export function commandOptions<const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  const end = process.argv.indexOf('--');
  const args = end < 0 ? process.argv : process.argv.slice(0, end);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  try {
    return parseArgs<Config>(config);
  } catch (error) {
    if (!isOfArguments(error)) throw error;
    return refuse(`${error.message.split('. ')[0]}; --help tells what there is`);
  }
}

export function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}

export function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(`--${name} ${text}: an integer from ${min} to ${max}`);
}

/** Some unit of time, parts of it too. */
export function duration(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  return refuse(`--${name} ${text}: a number above 0`);
}

/** What parseArgs throws: its message names the option, and what is wrong with it. */
function isOfArguments(error: unknown): error is TypeError {
  if (!(error instanceof TypeError) || !('code' in error)) return false;
  return typeof error.code === 'string' && error.code.startsWith('ERR_PARSE_ARGS_');
}
