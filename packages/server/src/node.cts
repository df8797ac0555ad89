/**
 * Where the node process starts. libuv reads the size of its thread pool when the pool is first used,
 * and loading an ES module uses it: so this file is none, and sets the size first.
 */
const processors = process.getBuiltinModule('node:os').availableParallelism();
// 4 x shards + 8 (runtime/thread-pool-size), with as many shards as there are processors at the most.
process.env['UV_THREADPOOL_SIZE'] ??= String(4 * processors + 8);
void import('./node.ts');
