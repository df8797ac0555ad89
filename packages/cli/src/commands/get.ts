import type { GetResult, Key, SiblingInfo } from '@clockwise/client';
import { choiceOption, CONNECTION_OPTIONS, flag, type Call, type Command } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { explanationText, READING_OPTIONS } from '../explanation.ts';
import { keyArgument } from '../key-and-value.ts';
import { levelDefinition, levelOption } from '../level-option.ts';
import type { SelfCommand } from '../self-command.ts';
import { attempt, bucketOf, withSession } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { tableText, type Cell } from '../text-table.ts';
import { jsonValue, rawValue, shortValue, shownKey, shownValue } from '../value-text.ts';

const FORMATS = ['value', 'json', 'table', 'raw'] as const;

export const get: Command = {
  name: 'get',
  usage: 'KEY',
  summary: 'print the value of a key, all of them where there are concurrent ones',
  positionalsMin: 1,
  positionalsMax: 1,
  options: {
    bucket: { type: 'string', value: 'NAME', help: 'default: "default"' },
    r: levelDefinition('replicas that must answer'),
    monotonic: { type: 'boolean', help: 'no later monotonic get answers with less than this one' },
    ...READING_OPTIONS,
    output: {
      type: 'string',
      short: 'o',
      value: 'FORMAT',
      help: 'value (default), json, table, raw',
    },
    ...CONNECTION_OPTIONS,
  },
  notes: [
    'KEY - reads the key from standard input (without the line end).',
    '-o raw prints text and bytes exactly as they are stored, structures as one line of JSON.',
    '--explain prints its table to the error stream; -o json has it in the line.',
    'The context in -o json and -o table is what put and delete take: --context TOKEN.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const format = choiceOption(call, 'output', FORMATS);
  const level = levelOption(call, 'r');
  const key = await keyArgument(call.positionals[0] ?? '', call.terminal);
  return withSession(call, {}, async ({ database, found }) => {
    const shown = shownKey(key);
    const what = { kind: 'read', what: `get ${shown}`, readBack: undefined } as const;
    const result = await attempt(found, what, () =>
      bucketOf(call, database).get(key, {
        ...(level === undefined ? {} : { r: level }),
        strict: flag(call, 'strict'),
        monotonic: flag(call, 'monotonic'),
        explain: flag(call, 'explain'),
      }),
    );
    await print(call.terminal, format, key, result, found.self);
    if (result.explanation !== undefined && format !== 'json') {
      call.terminal.printError(explanationText(result.explanation, call.terminal.paint));
    }
    return result.found ? EXIT.ok : EXIT.negative;
  });
}

async function print(
  terminal: Terminal,
  format: (typeof FORMATS)[number],
  key: Key,
  result: GetResult,
  self: SelfCommand,
): Promise<void> {
  const shown = shownKey(key);
  if (format === 'json') {
    await terminal.print(JSON.stringify(resultJson(key, result)));
    return;
  }
  if (!result.found) {
    terminal.printError(`${shown} has no value. Next: ${self(`put ${shown} VALUE`)}`);
    return;
  }
  if (format === 'table') {
    await terminal.print(siblingTable(terminal, result));
    await terminal.print(`\ncontext  ${result.context.toString()}`);
  } else if (result.value === undefined) {
    await printConcurrent(terminal, format, result);
  } else if (format === 'raw') {
    await terminal.write(rawValue(result.value));
  } else {
    await terminal.print(shownValue(result.value));
  }
  if (result.values.length < 2) return;
  const next = self(`put ${shown} VALUE --context ${result.context.toString()}`);
  terminal.printError(
    `${shown} has ${result.values.length} concurrent values. Write what it shall be. Next: ${next}`,
  );
}

async function printConcurrent(
  terminal: Terminal,
  format: 'value' | 'raw',
  result: GetResult,
): Promise<void> {
  for (const value of result.values) {
    if (format === 'value') await terminal.print(shownValue(value));
    else await terminal.write(rawValue(value));
    if (format === 'raw') await terminal.write('\n');
  }
}

export function resultJson(key: Key, result: GetResult): object {
  const { found, values, siblings, answered, primaries, sloppy } = result;
  const { durability, explanation } = result;
  const live = siblings.filter((sibling) => !sibling.isTombstone);
  return {
    ...(typeof key === 'string' ? { key } : { keyBytes: Buffer.from(key).toString('base64') }),
    found,
    ...(result.value === undefined ? {} : jsonValue(result.value)),
    values: values.map((value, index) => ({ ...jsonValue(value), ...versionJson(live[index]) })),
    context: result.context.toString(),
    answered,
    primaries,
    sloppy,
    durability,
    ...(explanation === undefined ? {} : { explanation }),
  };
}

function versionJson(sibling: SiblingInfo | undefined): object {
  if (sibling === undefined) return {};
  const { dot, writtenAtMs, expirySeconds } = sibling;
  return { dot, writtenAtMs, ...(expirySeconds === 0 ? {} : { expirySeconds }) };
}

function siblingTable(terminal: Terminal, result: GetResult): string {
  const live = result.siblings.filter((sibling) => !sibling.isTombstone);
  const rows = result.values.map((value, index): Cell[] => {
    const sibling = live[index];
    return [
      sibling?.dot ?? '',
      sibling === undefined ? '' : time(sibling.writtenAtMs),
      sibling === undefined ? '' : time(sibling.expirySeconds * 1000),
      shortValue(value),
    ];
  });
  const titles = ['DOT', 'WRITTEN', 'EXPIRES', 'VALUE'].map((title) => ({ title }));
  return tableText(titles, rows, { paint: terminal.paint });
}

function time(milliseconds: number): string {
  return milliseconds === 0 ? '-' : new Date(milliseconds).toISOString().slice(0, 19);
}
