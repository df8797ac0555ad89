/** `clockwise store verify`: reads everything, and says a line for each damage. */
import { explainFile } from '@clockwise/storage/file-verify';
import { explainStore, type StoreExplanation } from '@clockwise/storage/store-verify';
import type { Call } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { nodeFileFaults } from './node-files.ts';
import { valueOrRefuse } from './store-errors.ts';
import { bytesText, countedText } from './store-figures.ts';
import { type Place, TOOLS } from './store-place.ts';

interface Tally {
  files: number;
  bytes: number;
  faults: number;
}

export async function verify({ terminal }: Call, place: Place): Promise<ExitCode> {
  const tally: Tally = { files: 0, bytes: 0, faults: 0 };
  const say = async (fault: string): Promise<void> => {
    tally.faults += 1;
    await terminal.print(terminal.paint('bad', fault));
  };
  if (place.kind === 'file') {
    const file = explainFile(place.disk, place.name, TOOLS);
    tally.files = 1;
    tally.bytes = file.byteCount;
    for (const fault of file.faults) await say(fault);
  } else {
    for (const { title, disk } of place.stores) {
      const store = valueOrRefuse(explainStore(disk, TOOLS, true), title);
      const prefix = place.stores.length > 1 ? `${title}: ` : '';
      for (const fault of faultsOf(store, tally, prefix)) await say(fault);
    }
    const { nodeFolder } = place;
    if (nodeFolder !== undefined) {
      for (const fault of await nodeFileFaults(nodeFolder)) await say(fault);
    }
  }
  const read = `${countedText(tally.files, 'file')}, ${bytesText(tally.bytes)} read`;
  const found = tally.faults === 0 ? 'no damage' : countedText(tally.faults, 'damage');
  terminal.printError(`${read}: ${found}`);
  return tally.faults === 0 ? EXIT.ok : EXIT.negative;
}

function faultsOf(store: StoreExplanation, tally: Tally, prefix: string): string[] {
  tally.files += store.files.length;
  for (const file of store.files) tally.bytes += file.byteCount;
  const own = [...store.files.flatMap(({ faults }) => faults), ...store.faults];
  const ofSnapshots = store.snapshots.flatMap(({ number, store: snapshot }) =>
    faultsOf(snapshot, tally, `snapshot ${number}: `),
  );
  return [...own, ...ofSnapshots].map((fault) => prefix + fault);
}
