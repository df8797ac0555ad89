/**
 * What need not be done any more once its sender has stopped waiting. data plane.
 *
 * A store is somebody's durability, and what is owed is owed for longer than a request lasts: these are
 * done whenever their turn comes. Whoever repairs, moves data or writes to a stand-in comes again, or
 * makes a mark.
 */
import {
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_STORE_HEADER_WORDS,
} from '@clockwise/protocol/frame';
import { isHidden } from '@clockwise/record/hidden';
import { isHinted } from './hint-operation.ts';
import type { Asker } from './reply.ts';

/** Also of a hinted operation that has its hidden form already. */
export function isDropped({ words, offset, isForeground }: Asker): boolean {
  switch (words[offset + REPLICA_REQUEST.opcode]! & 0xff) {
    case REPLICA_OPCODE.read:
    case REPLICA_OPCODE.write:
    case REPLICA_OPCODE.scan:
      return true;
    case REPLICA_OPCODE.store:
      return (
        !isForeground ||
        isHinted(words, offset) ||
        isHidden(words, offset + REPLICA_STORE_HEADER_WORDS)
      );
    default:
      return false;
  }
}
