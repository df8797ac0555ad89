/**
 * The size of libuv's thread pool, which all threads of a process share: reads of files run there, so
 * a stuck disk must not be able to hold all of it.
 *
 * libuv reads UV_THREADPOOL_SIZE when the pool is first used, so this is called first thing at start,
 * before any file or name look-up. Where modules were loaded asynchronously first, it is too late in
 * some versions of Node; whoever starts the node process should then set it in the environment.
 */

export function threadPoolSize(shardCount: number): number {
  return 4 * shardCount + 8;
}

/** Sets it for this process, unless the operator has set it. Returns what holds. */
export function setThreadPoolSize(
  environment: Record<string, string | undefined>,
  shardCount: number,
): number {
  const given = Number(environment['UV_THREADPOOL_SIZE']);
  if (Number.isInteger(given) && given > 0) return given;
  const size = threadPoolSize(shardCount);
  environment['UV_THREADPOOL_SIZE'] = String(size);
  return size;
}
