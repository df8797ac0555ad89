/**
 * A member of the cluster in one word, for flags and environment:
 *
 *     ID=HOST:COORDINATOR:GOSSIPER:CONTROL:ADMIN[:DATACENTRE[:RACK[:WEIGHT]]]
 *
 * The host of an IPv6 address stands in brackets. What is in the fields is the schema's to judge.
 */
const PATTERN =
  /^([^=]+)=(\[[^\]]+\]|[^:]+):(\d+):(\d+):(\d+):(\d+)(?::([^:]+))?(?::([^:]+))?(?::(\d+))?$/;

export function parseMember(text: string): Readonly<Record<string, unknown>> | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, id, host = '', coordinator, gossiper, control, admin, dataCentre, rack, weight] = match;
  return {
    id,
    host: host.replace(/^\[|\]$/g, ''),
    ports: {
      coordinator: Number(coordinator),
      gossiper: Number(gossiper),
      control: Number(control),
      admin: Number(admin),
    },
    ...(dataCentre === undefined ? {} : { dataCentre }),
    ...(rack === undefined ? {} : { rack }),
    ...(weight === undefined ? {} : { weight: Number(weight) }),
  };
}
