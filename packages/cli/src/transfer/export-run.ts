/**
 * Writes every object of a bucket as a record line, in the order of the ring. Pages that fail are the
 * SDK's to repeat; a scan that cannot go on fails as a whole.
 *
 * Invariants:
 *   EX1 memory is bounded: lines are handed on as soon as enough of them are gathered
 *   EX2 concurrent values that are equal are exported as one
 */
import type { Scan, ScanRecord } from '@clockwise/client';
import type { Progress } from './progress.ts';
import { recordLineText, type Sibling } from './record-line.ts';

export type ExportScan = Pick<Scan, 'complete'> & AsyncIterable<ScanRecord>;

/** Lines are gathered up to here before they are written. */
const WRITE_UNITS = 64 * 1024;

/** Returns whether every partition was merged from as many replicas as were asked for. */
export async function exportRecords(
  scan: ExportScan,
  progress: Progress,
  write: (text: string) => Promise<void>,
): Promise<boolean> {
  let text = '';
  for await (const record of scan) {
    const line = `${recordLineText(record.key, siblingsOf(record))}\n`;
    text += line;
    progress.recordCount += 1;
    progress.byteCount += Buffer.byteLength(line);
    if (text.length < WRITE_UNITS) continue;
    await write(text);
    text = '';
  }
  if (text !== '') await write(text);
  return scan.complete;
}

/** [EX2] The live values. Two writes of one value, neither of which saw the other, are one to readers. */
function siblingsOf(record: ScanRecord): readonly Sibling[] {
  const live = record.siblings.filter((sibling) => !sibling.isTombstone);
  const seen = new Set<string>();
  return record.values
    .map((value, index) => ({ value, expirySeconds: live[index]?.expirySeconds ?? 0 }))
    .filter((sibling) => {
      const text = recordLineText('', [sibling]);
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    });
}
