/** How often each thing that a network may do was done: a run proves nothing about what it never had. */
export interface NetworkCounters {
  frames: number;
  words: number;
  /** Datagrams lost by chance, at a cut, and because too many were under way. */
  lost: number;
  lostAtCut: number;
  overflowed: number;
  duplicated: number;
  /** Frames that were held up, and datagrams that came after one which was sent later. */
  held: number;
  overtaken: number;
  /** Times that a stream waited, and datagrams that waited, for a clog's end; streams at a cut. */
  clogWaits: number;
  cutWaits: number;
  /** Writers that were told to wait. */
  refusals: number;
  resets: number;
  halfOpens: number;
  /** Ends that gave their connection up because it was silent, or nothing got through. */
  timeouts: number;
  /** Ends that learned by their next frame that the other side knows nothing of them. */
  rejections: number;
  unansweredDials: number;
  connections: number;
  cuts: number;
  clogs: number;
}

export function makeNetworkCounters(): NetworkCounters {
  return {
    frames: 0,
    words: 0,
    lost: 0,
    lostAtCut: 0,
    overflowed: 0,
    duplicated: 0,
    held: 0,
    overtaken: 0,
    clogWaits: 0,
    cutWaits: 0,
    refusals: 0,
    resets: 0,
    halfOpens: 0,
    timeouts: 0,
    rejections: 0,
    unansweredDials: 0,
    connections: 0,
    cuts: 0,
    clogs: 0,
  };
}
