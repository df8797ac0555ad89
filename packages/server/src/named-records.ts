/**
 * The records in replicas' memory that the frames for a coordinator name: what its step may read
 * there, copied for a recording.
 *
 * Invariants:
 *   NR1 a record is copied while its frame is borrowed: its words are as the step will see them
 */
import type { FrameList } from '@clockwise/kernel/core';
import { CONNECTION_TARGET, type ShardMemory } from '@clockwise/kernel/effects';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_REPLY,
  REPLY_FLAG,
} from '@clockwise/protocol/frame';
import type { NamedRecord } from '@clockwise/runtime/recording/recorded-step';
import type { RecordsNamed } from '@clockwise/runtime/recording/recording-core';

export function namedRecords(shards: readonly ShardMemory[]): RecordsNamed {
  return (frames) => {
    const records: NamedRecord[] = [];
    for (let index = 0; index < frames.count; index += 1) {
      const shard = frames.sources[index]!;
      if (shard < CONNECTION_TARGET) addOfFrame(records, frames, index, shards[shard]!);
    }
    return records;
  };
}

function addOfFrame(
  records: NamedRecord[],
  frames: FrameList,
  index: number,
  memory: ShardMemory,
): void {
  const words = frames.words[index]!;
  const frame = frames.offsets[index]!;
  let reply = frame + FRAME_HEADER_WORDS;
  for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
    const isInline = ((words[reply + REPLICA_REPLY.kind]! >>> 24) & REPLY_FLAG.inline) !== 0;
    const recordWords = words[reply + REPLICA_REPLY.recordWords]!;
    if (!isInline && recordWords > 0) {
      const chunk = words[reply + REPLICA_REPLY.chunk]! & 0xffff;
      const offset = words[reply + REPLICA_REPLY.offset]!;
      const copy = memory.chunks[chunk]?.slice(offset, offset + recordWords);
      // A replica that died may have named what its successor has not: nobody reads that.
      if (copy !== undefined) {
        records.push({ shard: frames.sources[index]!, chunk, offset, words: copy });
      }
    }
    reply += words[reply + OPERATION.wordCount]!;
  }
}
