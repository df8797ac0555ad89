/** `clockwise store inspect`: what a store, or one file of it, consists of. */
import { type FileExplanation, tokenText } from '@clockwise/storage/file-explanation';
import { explainFile } from '@clockwise/storage/file-verify';
import type { TableMetadata } from '@clockwise/storage/manifest';
import { explainStore, type StoreExplanation } from '@clockwise/storage/store-verify';
import type { Call } from '../command.ts';
import { type Cell, type Column, tableText } from '../text-table.ts';
import { bytesText, countText } from './store-figures.ts';
import { type Place, type StorePlace, TOOLS } from './store-place.ts';
import { valueOrRefuse } from './store-errors.ts';

export async function inspect({ terminal }: Call, place: Place): Promise<void> {
  if (place.kind === 'file') {
    const file = explainFile(place.disk, place.name, TOOLS, false);
    await terminal.print(fileText(file, terminal.paint));
    return;
  }
  for (const [index, store] of place.stores.entries()) {
    if (index > 0) await terminal.print('');
    await inspectStore(terminal, store);
  }
}

async function inspectStore(
  terminal: Call['terminal'],
  { title, disk }: StorePlace,
): Promise<void> {
  const store = valueOrRefuse(explainStore(disk, TOOLS, false), title);
  await terminal.print(storeText(title, store, terminal.paint));
}

function fileText(file: FileExplanation, paint: Call['terminal']['paint']): string {
  const version = file.version === 0 ? '' : `, version ${file.version}`;
  const widest = Math.max(0, ...file.rows.map(([name]) => name.length));
  return [
    `${file.name}: ${file.kind}${version}, ${bytesText(file.byteCount)}`,
    ...file.rows.map(([name, text]) => `  ${name.padEnd(widest)}  ${text}`),
    ...file.faults.map((fault) => paint('bad', fault)),
  ].join('\n');
}

function storeText(
  title: string,
  store: StoreExplanation,
  paint: Call['terminal']['paint'],
): string {
  const { manifest, files, faults, orphans, snapshots } = store;
  const lines = [`store ${title}`];
  if (manifest !== undefined) {
    const { shardIndex, shardCount, edition, opening, floorSequence, droppedRecordCount } =
      manifest;
    lines.push(
      `shard ${shardIndex} of ${shardCount}, edition ${edition} of the manifest, opening ${opening}`,
      `records up to sequence ${countText(floorSequence)} are in tables, ` +
        `${countText(store.loggedCount)} more in the log; merges dropped ${countText(droppedRecordCount)}`,
      '',
      manifest.tables.length === 0
        ? 'no tables'
        : tableText(LEVEL_COLUMNS, levelRows(manifest.tables), { paint }),
    );
    for (const drop of manifest.rangeDrops) {
      const from = tokenText(drop.fromHigh, drop.fromLow);
      const to = tokenText(drop.toHigh, drop.toLow);
      lines.push(
        `range drop: bucket ${drop.bucketId}, ${from} to ${to}, sequence ${drop.sequence}`,
      );
    }
  }
  lines.push('', tableText(FILE_COLUMNS, files.map(fileRow), { paint }));
  for (const name of orphans)
    lines.push(`${name} is named by nothing: the next opening removes it`);
  for (const { number, store: snapshot } of snapshots) {
    const { manifest: its } = snapshot;
    const what = its === undefined ? 'not finished' : `${its.tables.length} tables`;
    lines.push(`snapshot ${number}: ${snapshot.files.length} files, ${what}`);
  }
  for (const fault of [...files.flatMap((file) => file.faults), ...faults]) {
    lines.push(paint('bad', fault));
  }
  return lines.join('\n');
}

const LEVEL_COLUMNS: readonly Column[] = [
  { title: 'LEVEL' },
  { title: 'TABLES', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'RECORDS', align: 'right' },
  { title: 'TOMBSTONES', align: 'right' },
  { title: 'BUCKET/TOKENS' },
  { title: 'SEQUENCES' },
];

const FILE_COLUMNS: readonly Column[] = [
  { title: 'FILE' },
  { title: 'VERSION', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'HOLDS' },
];

/** A line for each level; of level 0 one for each run, newest first, as reads look at them. */
function levelRows(tables: readonly TableMetadata[]): Cell[][] {
  const groups = new Map<string, TableMetadata[]>();
  for (const table of tables.toReversed()) {
    const name = table.level === 0 ? `0, run ${table.lastSequence}` : String(table.level);
    groups.set(name, [...(groups.get(name) ?? []), table]);
  }
  return [...groups].map(([name, group]) => {
    const sum = (field: 'byteCount' | 'recordCount' | 'tombstoneCount'): number =>
      group.reduce((total, table) => total + table[field], 0);
    const [last, first] = [group[0]!, group.at(-1)!];
    const from = tokenText(first.firstTokenHigh, first.firstTokenLow);
    const to = tokenText(last.lastTokenHigh, last.lastTokenLow);
    const firsts = Math.min(...group.map((table) => table.firstSequence));
    const lasts = Math.max(...group.map((table) => table.lastSequence));
    return [
      name.split(',')[0]!,
      String(group.length),
      bytesText(sum('byteCount')),
      countText(sum('recordCount')),
      countText(sum('tombstoneCount')),
      `${first.firstBucketId}/${from} - ${last.lastBucketId}/${to}`,
      `${firsts} - ${lasts}`,
    ];
  });
}

const HOLDS: Readonly<Record<FileExplanation['kind'], readonly string[]>> = {
  manifest: ['opening', 'floor', 'tables'],
  log: ['sequences', 'groups'],
  table: ['records', 'sequences'],
  leaves: ['leaves', 'as of'],
  reserve: [],
  snapshot: [],
  foreign: [],
};

function fileRow(file: FileExplanation): Cell[] {
  const wanted = HOLDS[file.kind];
  const said = file.rows.filter(([name]) => wanted.includes(name));
  const text = said.map(([name, value]) => `${name} ${value}`).join('; ');
  const isBad = file.faults.length > 0;
  const version = file.version === 0 ? '' : String(file.version);
  // Of a file that another build wrote nothing is known but that; the line below the table says which.
  const bad = text === '' ? 'cannot be read: see below' : `damaged; ${text}`;
  const holds: Cell = isBad ? { text: bad, style: 'bad' } : text;
  return [file.name, version, bytesText(file.byteCount), holds];
}
