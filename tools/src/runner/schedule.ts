// The order of the files: those that bear company first, `jobs` at a time; then the others, alone.
import type { TestFile } from './discover.ts';

export async function schedule(
  files: readonly TestFile[],
  jobs: number,
  run: (file: TestFile) => Promise<void>,
): Promise<void> {
  const queue = files.filter((file) => !file.alone);
  await Promise.all(Array.from({ length: jobs }, () => drain(queue, run)));
  await drain(
    files.filter((file) => file.alone),
    run,
  );
}

async function drain(queue: TestFile[], run: (file: TestFile) => Promise<void>): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) await run(file);
}
