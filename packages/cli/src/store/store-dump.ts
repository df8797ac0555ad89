/** `clockwise store dump`: the records of a file or a store, as text or as lines of JSON. */
import { hybridMilliseconds } from '@clockwise/versioning/hybrid-clock';
import { decodeValue } from '@clockwise/protocol/value-codec';
import {
  decodeRecord,
  type Dot,
  type RecordObject,
  type SiblingObject,
} from '@clockwise/record/build';
import { HEADER, KIND } from '@clockwise/record/layout';
import { tokenText } from '@clockwise/storage/file-explanation';
import { parseFileName } from '@clockwise/storage/file-names';
import { compareTokenHalves } from '@clockwise/storage/token-range';
import { type Call, flag, integerOption, textOption, UsageError } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { decoded } from '../key-and-value.ts';
import { clean } from '../text-table.ts';
import { jsonValue, shortValue } from '../value-text.ts';
import { hiddenView, type HiddenView, owedPositionsText } from './hidden-text.ts';
import {
  recordsOfFile,
  recordsOfStore,
  type SourceOptions,
  type SourceRecord,
  type TokenHalves,
} from './record-source.ts';
import type { Place } from './store-place.ts';

export async function dump(call: Call, place: Place): Promise<ExitCode> {
  const { terminal } = call;
  const from = fromOption(call);
  const limit = integerOption(call, 'limit', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? Infinity;
  const lineOf = flag(call, 'json') ? jsonLine : textLine;
  let faults = 0;
  let printed = 0;
  const onFault = (fault: string): void => {
    faults += 1;
    const way = place.kind === 'file' && isLog(place.name) ? '' : '; a higher --from skips it';
    const line = `${fault}; what is behind it is not shown${way}`;
    terminal.printError(terminal.paintError('bad', line));
  };
  for (const records of sourcesOf(place, { from, onFault })) {
    for (const one of records) {
      if (printed >= limit) break;
      if (!isAtOrBehind(one, from)) continue;
      await terminal.print(lineOf(one));
      printed += 1;
    }
  }
  return faults === 0 ? EXIT.ok : EXIT.negative;
}

/** Records of the log have no order of tokens. */
function isLog(name: string): boolean {
  const file = parseFileName(name);
  return file?.kind === 'log' || (file?.kind === 'snapshot' && file.file.kind === 'log');
}

function sourcesOf(place: Place, options: SourceOptions): readonly Iterable<SourceRecord>[] {
  if (place.kind === 'file') return [recordsOfFile(place.disk, place.name, options)];
  return place.stores.map(({ disk }) => recordsOfStore(disk, options));
}

function fromOption(call: Call): TokenHalves {
  const text = textOption(call, 'from');
  if (text === undefined) return { high: 0, low: 0 };
  if (!/^[0-9a-f]{16}$/i.test(text)) {
    throw new UsageError(`--from is a token of sixteen hexadecimal digits, not "${text}"`);
  }
  return { high: parseInt(text.slice(0, 8), 16) | 0, low: parseInt(text.slice(8), 16) | 0 };
}

function isAtOrBehind({ words, record }: SourceRecord, { high, low }: TokenHalves): boolean {
  const [tokenHigh, tokenLow] = [
    words[record + HEADER.tokenHigh]!,
    words[record + HEADER.tokenLow]!,
  ];
  return compareTokenHalves(tokenHigh, tokenLow, high, low) >= 0;
}

const KIND_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(KIND).map(([name, id]) => [id, name]),
);

function kindOf({ words, record }: SourceRecord): string {
  const kind = words[record + HEADER.kind]! & 0xff;
  return KIND_NAMES.get(kind) ?? `kind ${kind}`;
}

function tokenOf({ words, record }: SourceRecord): string {
  return tokenText(words[record + HEADER.tokenHigh]!, words[record + HEADER.tokenLow]!);
}

/** Bucket and token, kind, key, and each sibling's value; of what is kept for others, to whom it is owed. */
function textLine(one: SourceRecord): string {
  const hidden = hiddenView(one.words, one.record);
  const { bucketId, key, siblings } = shownRecord(one, hidden);
  if (hidden?.range !== undefined) {
    const { partition, replicationClass } = hidden.range;
    return `${hidden.name}  partition ${partition} of class ${replicationClass}  ${owedPositionsText(hidden)}`;
  }
  const text = decoded(key);
  const shown = text === undefined ? `base64:${base64(key)}` : JSON.stringify(text);
  const values = siblings.map((sibling) => (sibling.tombstone ? '(deleted)' : valueText(sibling)));
  const name = hidden === undefined ? '' : `${hidden.name} `;
  const place = `${name}${bucketId}/${tokenOf(one)}`;
  const owed = hidden === undefined ? [] : [owedPositionsText(hidden)];
  const content = [...owed, ...(values.length > 0 ? [values.join(' | ')] : [])].join('  ');
  return clean(`${place}  ${kindOf(one)}  ${shown}  ${content}`).trimEnd();
}

function valueText({ codec, value }: SiblingObject): string {
  const read = decodeValue(codec, value);
  return read.ok ? shortValue(read.value) : `base64:${base64(value)} (not of codec ${codec})`;
}

/** A record under the bucket and the key of the user, also where it is kept for others. */
function shownRecord(one: SourceRecord, hidden: HiddenView | undefined): RecordObject {
  const record = decodeRecord(one.words, one.record);
  if (hidden === undefined) return record;
  const { bucketId, keyBytesBefore } = hidden;
  return { ...record, bucketId, key: record.key.subarray(keyBytesBefore) };
}

function jsonLine(one: SourceRecord): string {
  const hidden = hiddenView(one.words, one.record);
  if (hidden?.range !== undefined) {
    const { name, range, positions, epoch } = hidden;
    return JSON.stringify({ keptAs: name, ...range, owed: { epoch, positions }, from: one.from });
  }
  const record = shownRecord(one, hidden);
  const text = decoded(record.key);
  const { positions, epoch } = hidden ?? {};
  return JSON.stringify({
    ...(hidden === undefined ? {} : { keptAs: hidden.name, owed: { epoch, positions } }),
    bucket: record.bucketId,
    token: tokenOf(one),
    ...(text === undefined ? { keyBytes: base64(record.key) } : { key: text }),
    kind: kindOf(one),
    class: record.replicationClass,
    context: record.context.map(dotText),
    siblings: record.siblings.map(siblingJson),
    recents: record.recents.length,
    ...(one.sequence === 0 ? {} : { sequence: one.sequence }),
    from: one.from,
  });
}

function siblingJson(sibling: SiblingObject): object {
  const { dot, tombstone, codec, value, expirySeconds, hybrid } = sibling;
  const read = decodeValue(codec, value);
  const content = read.ok ? jsonValue(read.value) : { bytes: base64(value), codec };
  const low = Number(BigInt.asIntN(32, hybrid));
  const high = Number(BigInt.asIntN(32, hybrid >> 32n));
  return {
    ...(tombstone ? { deleted: true } : content),
    ...(expirySeconds === 0 ? {} : { expires: expirySeconds }),
    dot: dotText(dot),
    timeMs: hybridMilliseconds(low, high),
  };
}

function dotText({ incarnation, counter }: Dot): string {
  return `${BigInt.asUintN(64, incarnation).toString(16).padStart(16, '0')}:${counter}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
