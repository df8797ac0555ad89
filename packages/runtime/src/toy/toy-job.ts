/** A job of the pool: squares a number; a negative one is a disk error; or it hoards without end. */
import type { DiskResult } from '@clockwise/storage/disk';

export interface ToyTask {
  readonly input: { readonly number: number; readonly waitMs?: number; readonly hoards?: boolean };
}

export default async function square({ input }: ToyTask): Promise<DiskResult<number>> {
  await new Promise((resolve) => setTimeout(resolve, input.waitMs ?? 0));
  for (const hoard: string[][] = []; input.hoards === true;) {
    hoard.push(Array.from({ length: 10_000 }, (_, index) => `${hoard.length} ${index}`));
  }
  if (input.number < 0) return { ok: false, code: 'ENOSPC', detail: 'no room' };
  return { ok: true, value: input.number * input.number };
}
