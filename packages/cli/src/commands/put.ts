import {
  Context,
  ClockwiseError,
  type ContextOption,
  type WriteOptions,
  type WriteResult,
} from '@clockwise/client';
import {
  choiceOption,
  CONNECTION_OPTIONS,
  flag,
  integerOption,
  OUTPUT_OPTION,
  textOption,
  UsageError,
  type Call,
  type Command,
  type OptionTable,
} from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { explanationText, READING_OPTIONS } from '../explanation.ts';
import { keyArgument, VALUE_FORMS, valueArgument } from '../key-and-value.ts';
import { levelDefinition, levelOption } from '../level-option.ts';
import { attempt, bucketOf, withSession } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { shownKey } from '../value-text.ts';

const SECONDS_MAX = 0x7fff_ffff;

/** Options of put and delete alike. */
export const WRITE_OPTIONS: OptionTable = {
  bucket: { type: 'string', value: 'NAME', help: 'default: "default"' },
  w: levelDefinition('replicas that must acknowledge'),
  context: {
    type: 'string',
    value: 'TOKEN',
    help: 'replace exactly what was read; none: add a concurrent value',
  },
  ...READING_OPTIONS,
};

export const put: Command = {
  name: 'put',
  usage: 'KEY VALUE',
  summary: 'store a value under a key',
  positionalsMin: 2,
  positionalsMax: 2,
  options: {
    ...WRITE_OPTIONS,
    as: { type: 'string', value: 'FORM', help: 'auto (default), json, text or bytes' },
    ttl: { type: 'string', value: 'SECONDS', help: 'the value expires after so many seconds' },
    ...OUTPUT_OPTION,
    ...CONNECTION_OPTIONS,
  },
  notes: [
    'A VALUE that begins with { or [ is JSON and stored as a structure; every other one is text.',
    '--as json takes numbers, true, false, null and quoted strings as JSON too; --as text takes all',
    'as text. KEY or VALUE - reads standard input: a key without its line end, a value as it is.',
    'Without --context the value replaces what the cluster holds; of writers at the same time both',
    'values stay. A value that begins with a dash stands behind --.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const [keyText = '', valueText = ''] = call.positionals;
  if (keyText === '-' && valueText === '-') throw new UsageError('KEY and VALUE cannot both be -');
  const form = choiceOption(call, 'as', VALUE_FORMS);
  const format = choiceOption(call, 'output', ['table', 'json']);
  const seconds = integerOption(call, 'ttl', { min: 1, max: SECONDS_MAX });
  const options = {
    ...writeOptions(call),
    ...(seconds === undefined ? {} : { timeToLiveSeconds: seconds }),
  };
  const key = await keyArgument(keyText, call.terminal);
  const value = await valueArgument(valueText, form, call.terminal);
  return withSession(call, {}, async ({ database, found }) => {
    const shown = shownKey(key);
    const what = { kind: 'write', what: `put ${shown}`, readBack: `get ${shown}` } as const;
    const bucket = bucketOf(call, database);
    const result = await attempt(found, what, () => bucket.put(key, value, options));
    await printWritten(call.terminal, format, 'ok', result);
    return EXIT.ok;
  });
}

/** Level, context and flags, as put and delete take them. */
export function writeOptions(call: Call): WriteOptions {
  const level = levelOption(call, 'w');
  const context = contextOption(call);
  return {
    ...(level === undefined ? {} : { w: level }),
    ...(context === undefined ? {} : { context }),
    strict: flag(call, 'strict'),
    explain: flag(call, 'explain'),
  };
}

/** `done`: how the line for people begins. */
export async function printWritten(
  terminal: Terminal,
  format: 'table' | 'json',
  done: string,
  result: WriteResult,
): Promise<void> {
  const { explanation } = result;
  if (format === 'json') {
    await terminal.print(JSON.stringify(writeJson(result)));
    return;
  }
  await terminal.print(`${done}, ${acknowledged(result)}`);
  if (explanation !== undefined) terminal.printError(explanationText(explanation, terminal.paint));
}

function writeJson(result: WriteResult): object {
  const { answered, primaries, sloppy, durability, duplicate, explanation } = result;
  return {
    ok: true,
    answered,
    primaries,
    sloppy,
    durability,
    duplicate,
    context: result.context.toString(),
    ...(explanation === undefined ? {} : { explanation }),
  };
}

function acknowledged({ answered, primaries, sloppy, duplicate }: WriteResult): string {
  const replicas = answered === 1 ? '1 replica' : `${answered} replicas`;
  const ofThem = sloppy
    ? ` (${primaries} of them ${primaries === 1 ? 'a primary' : 'primaries'})`
    : '';
  return `${replicas} acknowledged${ofThem}${duplicate ? ', an earlier try had written it' : ''}`;
}

function contextOption(call: Call): ContextOption | undefined {
  const text = textOption(call, 'context');
  if (text === undefined) return undefined;
  if (text === 'none') return 'none';
  try {
    return Context.parse(text);
  } catch (error) {
    if (!(error instanceof ClockwiseError)) throw error;
    throw new UsageError('--context is "none", or the context that get -o json prints');
  }
}
