import path from 'node:path';
import { type Call, type Command, flag, UsageError } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { copySnapshotTo } from '../store/store-copy-snapshot.ts';
import { dump } from '../store/store-dump.ts';
import { inspect } from '../store/store-inspect.ts';
import { placeOf } from '../store/store-place.ts';
import { verify } from '../store/store-verify.ts';

export const storeCommand: Command = {
  name: 'store',
  usage: 'ACTION PATH',
  summary: 'inspect, verify or dump a store, or copy a snapshot, without its node',
  positionalsMin: 2,
  positionalsMax: 3,
  options: {
    from: { type: 'string', value: 'TOKEN', help: 'dump: records with this token or a higher one' },
    limit: { type: 'string', value: 'N', help: 'dump: no more than N records' },
    json: { type: 'boolean', help: 'dump: a line of JSON for each record' },
    force: { type: 'boolean', help: 'read although a node has the folder open' },
  },
  notes: [
    'ACTION is inspect, verify, dump or copy-snapshot. Of the first three PATH is a data folder, a',
    'shard in it (shard-0), a snapshot (shard-0/snapshot-00000001) or one file, and nothing is ever',
    'written. inspect shows levels, files and versions. verify reads every byte and prints a line for',
    'each damage and what it means to whoever reads; exit code 1 when there is any. dump prints records',
    'in the order of bucket and token, of a store each key once, of a log segment as they were written.',
    '',
    'copy-snapshot PATH TARGET makes a data folder of a snapshot of a node: PATH is the data folder and',
    'the NAME of the snapshot (.clockwise/n1/monday) or its number (.clockwise/n1/snapshot-00000001). The',
    'node may run meanwhile. Every byte is checked; TARGET is there whole or not at all, and nothing is',
    'written over. TARGET is the same node on another disk: start it in place of its original, never',
    'beside it.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const [action = '', shown = '', copy] = call.positionals;
  const target = path.resolve(call.terminal.folder, shown);
  if (action === 'copy-snapshot') return copySnapshotTo(call, target, copy);
  if (copy !== undefined) throw new UsageError(`${action} takes one PATH`);
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
      throw new UsageError(`"${action}" is none of inspect, verify, dump and copy-snapshot`);
  }
}
