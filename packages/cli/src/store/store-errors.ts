/** What the disk refuses while a store is read, as a refusal of the command. */
import type { DiskResult } from '@clockwise/storage/disk';
import { Refusal } from '../command.ts';
import { EXIT } from '../exit-code.ts';

export function valueOrRefuse<Value>(result: DiskResult<Value>, what: string): Value {
  if (result.ok) return result.value;
  throw new Refusal(`${what} cannot be read: ${result.code}, ${result.detail}`, EXIT.refused);
}
