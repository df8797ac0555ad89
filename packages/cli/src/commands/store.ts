import path from 'node:path';
import { type Call, type Command, flag, UsageError } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { dump } from '../store/store-dump.ts';
import { inspect } from '../store/store-inspect.ts';
import { placeOf } from '../store/store-place.ts';
import { verify } from '../store/store-verify.ts';

export const storeCommand: Command = {
  name: 'store',
  usage: 'ACTION PATH',
  summary: 'inspect, verify or dump the files of a store, without its node',
  positionalsMin: 2,
  positionalsMax: 2,
  options: {
    from: { type: 'string', value: 'TOKEN', help: 'dump: records with this token or a higher one' },
    limit: { type: 'string', value: 'N', help: 'dump: no more than N records' },
    json: { type: 'boolean', help: 'dump: a line of JSON for each record' },
    force: { type: 'boolean', help: 'read although a node has the folder open' },
  },
  notes: [
    'ACTION is inspect, verify or dump; PATH a data folder, a shard in it (shard-0), a snapshot',
    '(shard-0/snapshot-00000001) or one file. inspect shows levels, files and versions. verify reads',
    'every byte and prints a line for each damage and what it means to whoever reads; exit code 1 when',
    'there is any. dump prints records in the order of bucket and token, of a store each key once, of a',
    'log segment as they were written. Nothing is ever written.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const [action = '', shown = ''] = call.positionals;
  const target = path.resolve(call.terminal.folder, shown);
  const place = (): ReturnType<typeof placeOf> => placeOf(target, shown, flag(call, 'force'));
  switch (action) {
    case 'inspect':
      await inspect(call, place());
      return EXIT.ok;
    case 'verify':
      return verify(call, place());
    case 'dump':
      return dump(call, place());
    default:
      throw new UsageError(`"${action}" is none of inspect, verify and dump`);
  }
}
