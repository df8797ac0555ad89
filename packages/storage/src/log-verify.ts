/**
 * Reads a segment of the commit log for people: which records are in it, where they end, and whether
 * something before that end was durable and is gone.
 *
 * Boundary: a segment alone does not say how far it must reach; the manifest and the segments behind
 * it do (store-verify).
 *
 * Invariants:
 *   LX1 damage before records that were durable is a fault; a torn tail, which promised nothing, is not
 */
import {
  type FileExplanation,
  type FileToExplain,
  storeIdText,
  unreadable,
} from './file-explanation.ts';
import {
  GROUP,
  GROUP_HEADER_WORDS,
  isGroupHeader,
  LOG_VERSION,
  SEGMENT,
  SEGMENT_BYTES_MAX,
  SEGMENT_HEADER_WORDS,
  type SegmentId,
} from './log-format.ts';
import { readSegment, type SegmentReading } from './log-segment.ts';
import { readFileWords } from './whole-transfer.ts';

/** Takes each sound group: records stand in words [from, to). */
export type GroupReader = (words: Int32Array, from: number, to: number) => void;

export type SegmentLoad =
  | { readonly kind: 'read'; readonly words: Int32Array; readonly reading: SegmentReading }
  | { readonly kind: 'failed'; readonly fault: string };

/** A segment by itself, whoever's store it is of. */
export function loadSegment(
  { disk, name, tools }: FileToExplain,
  place: { readonly opening: number; readonly index: number },
  visit: GroupReader,
): SegmentLoad {
  const read = readFileWords(disk, name, SEGMENT_BYTES_MAX);
  if (!read.ok) return { kind: 'failed', fault: unreadable(name, read) };
  const words = read.value;
  const reading = readSegment(
    words,
    {
      id: idOf(words, place),
      checksum: tools.checksum,
      expectedSequence: 1,
      limitBytes: words.length * 4,
      limitSequence: Number.MAX_SAFE_INTEGER,
    },
    visit,
  );
  return { kind: 'read', words, reading };
}

function idOf(
  words: Int32Array,
  { opening, index }: { readonly opening: number; readonly index: number },
): SegmentId {
  const storeIdLow = words[SEGMENT.storeIdLow] ?? 0;
  return { storeIdLow, storeIdHigh: words[SEGMENT.storeIdHigh] ?? 0, opening, index };
}

export function explainSegment(
  file: FileToExplain,
  place: { readonly opening: number; readonly index: number },
): FileExplanation {
  const { name } = file;
  let groupCount = 0;
  const load = loadSegment(file, place, () => {
    groupCount += 1;
  });
  const base = { name, kind: 'log', version: 0, byteCount: 0, rows: [] } as const;
  if (load.kind === 'failed') return { ...base, faults: [load.fault] };
  const { words, reading } = load;
  const byteCount = words.length * 4;
  if (reading.header.kind === 'foreign') {
    return { ...base, byteCount, faults: [`${name}: ${reading.header.reason}`] };
  }
  const { firstSequence, lastSequence, endBytes, testifiedSequence } = reading;
  const id = idOf(words, place);
  const isEmpty = lastSequence < firstSequence;
  const rows = [
    ['store', storeIdText(id.storeIdLow, id.storeIdHigh)],
    ['opening, index', `${place.opening}, ${place.index}`],
    [
      'sequences',
      isEmpty ? `none, from ${firstSequence} on` : `${firstSequence} to ${lastSequence}`,
    ],
    ['groups', String(groupCount)],
    ['ends', `at byte ${endBytes} of ${byteCount}`],
    ['known as durable', `up to ${testifiedSequence}, by its own word`],
    ['behind the end', textBehind(words, reading, id, file)],
  ] as const;
  return {
    name,
    kind: 'log',
    version: LOG_VERSION,
    byteCount,
    rows,
    faults: faultsOf(name, reading),
  };
}

function textBehind(
  words: Int32Array,
  { endBytes, testifiedSequence, lastSequence }: SegmentReading,
  id: SegmentId,
  file: FileToExplain,
): string {
  if (testifiedSequence > lastSequence) return 'damaged groups';
  const end = endBytes / 4;
  let at = end;
  while (at < words.length && words[at] === 0) at += 1;
  if (at === words.length) return end === words.length ? 'nothing' : 'zeros';
  const { checksum } = file.tools;
  const isGroup =
    end + GROUP_HEADER_WORDS <= words.length && isGroupHeader(words, end, id, checksum);
  if (isGroup) return 'a group that was not finished: nobody was promised what is in it';
  return words[end + GROUP.magic] === 0 ? 'zeros, then old bytes' : 'old bytes, or a torn group';
}

/** [LX1] */
function faultsOf(name: string, reading: SegmentReading): string[] {
  const { header, lastSequence, testifiedSequence, endBytes, firstSequence } = reading;
  const faults: string[] = [];
  if (header.kind === 'invalid') {
    const begins = SEGMENT_HEADER_WORDS * 4;
    const rest =
      lastSequence >= firstSequence
        ? `the groups from byte ${begins} on are read all the same`
        : 'it counts as a segment without records';
    faults.push(`${name} at byte 0: the header is damaged, or of an earlier life; ${rest}`);
  }
  if (testifiedSequence > lastSequence) {
    faults.push(
      `${name} at byte ${endBytes}: damaged before records that were durable: ${lastSequence + 1} to ` +
        `${testifiedSequence} at least; the store does not open`,
    );
  }
  return faults;
}
