/** The thread that writes the commit log of one shard. */
import { crc32 } from 'node:zlib';
import { CommitLogSink } from '@clockwise/runtime/disk/commit-log-sink';
import { runLogWriter } from '@clockwise/runtime/worker/log-thread';
import type { LogStart } from '@clockwise/storage/log-writer';
import type { NodeData } from '../node-data.ts';

runLogWriter<NodeData, LogStart>(
  ({ data, start, limits, chunks }) =>
    new CommitLogSink({ directory: data.folder, checksum: crc32, start, limits, chunks }),
);
