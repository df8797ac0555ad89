import {
  choiceOption,
  CONNECTION_OPTIONS,
  OUTPUT_OPTION,
  type Call,
  type Command,
} from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { keyArgument } from '../key-and-value.ts';
import { attempt, bucketOf, withSession } from '../session.ts';
import { shownKey } from '../value-text.ts';
import { printWritten, WRITE_OPTIONS, writeOptions } from './put.ts';

export const deleteCommand: Command = {
  name: 'delete',
  usage: 'KEY',
  summary: 'delete a key; deleting what is not there is fine',
  positionalsMin: 1,
  positionalsMax: 1,
  options: { ...WRITE_OPTIONS, ...OUTPUT_OPTION, ...CONNECTION_OPTIONS },
  notes: ['With --context exactly what was read is deleted: a value written since then stays.'],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const format = choiceOption(call, 'output', ['table', 'json']);
  const options = writeOptions(call);
  const key = await keyArgument(call.positionals[0] ?? '', call.terminal);
  return withSession(call, {}, async ({ database, found }) => {
    const shown = shownKey(key);
    const what = { kind: 'write', what: `delete ${shown}`, readBack: `get ${shown}` } as const;
    const bucket = bucketOf(call, database);
    const result = await attempt(found, what, () => bucket.delete(key, options));
    await printWritten(call.terminal, format, 'deleted', result);
    return EXIT.ok;
  });
}
