/** What kind of answer an operation of a replica gets, whoever gives it. data plane. */
import { REPLICA_OPCODE, REPLY_KIND } from './frame.ts';

export function replyKindOf(opcode: number): number {
  switch (opcode) {
    case REPLICA_OPCODE.store:
      return REPLY_KIND.stored;
    case REPLICA_OPCODE.scan:
      return REPLY_KIND.scanned;
    case REPLICA_OPCODE.write:
      return REPLY_KIND.written;
    case REPLICA_OPCODE.probe:
      return REPLY_KIND.probed;
    case REPLICA_OPCODE.note:
      return REPLY_KIND.noted;
    case REPLICA_OPCODE.settle:
      return REPLY_KIND.settled;
    default:
      return REPLY_KIND.read;
  }
}
