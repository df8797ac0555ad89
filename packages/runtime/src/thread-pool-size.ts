/**
 * The size of libuv's thread pool, which all threads of a process share: reads of files run there, so
 * a stuck disk must not be able to hold all of it.
 *
 * libuv reads UV_THREADPOOL_SIZE when the pool is first used, and ECMAScript modules are loaded
 * through it: whoever starts the node's process sets it in the environment, or a CommonJS file does
 * so before it imports anything.
 */

/** Four reads of each shard at once, and some for everything else. */
export function threadPoolSize(shardCount: number): number {
  return 4 * shardCount + 8;
}
