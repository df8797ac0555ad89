/**
 * Which connections requests go out on. Pure.
 *
 * Invariants:
 *   CH1 while a connection is in doubt nothing new goes out on it, but where all are
 */
export interface ChosenConnection {
  readonly isReady: boolean;
  readonly isInDoubt: boolean;
}

export function connectionsToUse<Chosen extends ChosenConnection>(
  connections: readonly Chosen[],
): readonly Chosen[] {
  const ready = connections.filter((connection) => connection.isReady);
  const sure = ready.filter((connection) => !connection.isInDoubt);
  return sure.length > 0 ? sure : ready;
}
