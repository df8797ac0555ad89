import type { RingReport, StatusReport } from '@clockwise/server/status-report';
import {
  choiceOption,
  CONNECTION_OPTIONS,
  OUTPUT_OPTION,
  type Call,
  type Command,
} from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { attempt, withSession, type Session } from '../session.ts';
import { tableText, type Column } from '../text-table.ts';

export const ring: Command = {
  name: 'ring',
  usage: '',
  summary: 'print the ring: its epoch and hash, nodes, partitions of each, buckets',
  positionalsMin: 0,
  positionalsMax: 0,
  options: { ...OUTPUT_OPTION, ...CONNECTION_OPTIONS },
  notes: ['It is the ring of the node that answers; status compares those of all nodes.'],
  run,
};

type Buckets = Session['database']['cluster']['buckets'];

async function run(call: Call): Promise<ExitCode> {
  const format = choiceOption(call, 'output', ['table', 'json']);
  return withSession(call, {}, async ({ database, found }) => {
    const what = { kind: 'read', what: 'ring', readBack: undefined } as const;
    const report = (await attempt(found, what, () => database.status())) as StatusReport;
    const { buckets } = database.cluster;
    await call.terminal.print(
      format === 'json'
        ? JSON.stringify({ clusterId: report.clusterId, ...report.ring, buckets }, null, 2)
        : ringText(call, report, buckets),
    );
    return EXIT.ok;
  });
}

function ringText({ terminal }: Call, report: StatusReport, buckets: Buckets): string {
  const { paint } = terminal;
  const { epoch, hash, partitions } = report.ring;
  return [
    `cluster ${report.clusterId}   epoch ${epoch}   ${partitions} partitions`,
    `hash ${hash}`,
    '',
    tableText(NODE_COLUMNS, nodeRows(report.ring), { paint }),
    '',
    tableText(BUCKET_COLUMNS, buckets.map(bucketRow), { paint }),
  ].join('\n');
}

const NODE_COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'ADDRESS' },
  { title: 'DATA CENTRE' },
  { title: 'RACK' },
  { title: 'STATE' },
  { title: 'PARTITIONS', align: 'right' },
  { title: 'SHARE', align: 'right' },
];

function nodeRows({ nodes }: RingReport): string[][] {
  const copies = nodes.reduce((sum, node) => sum + node.partitionsOwned, 0);
  return nodes.map(({ nodeId, address, dataCentre, rack, state, partitionsOwned }) => {
    const share = copies === 0 ? 0 : (100 * partitionsOwned) / copies;
    return [
      nodeId,
      address,
      dataCentre,
      rack,
      state,
      String(partitionsOwned),
      `${share.toFixed(1)} %`,
    ];
  });
}

const BUCKET_COLUMNS: readonly Column[] = [
  { title: 'BUCKET' },
  { title: 'ID', align: 'right' },
  { title: 'MODE' },
  { title: 'CONFLICTS' },
  { title: 'DURABILITY' },
  { title: 'N', align: 'right' },
  { title: 'CONTEXT' },
];

function bucketRow(bucket: Buckets[number]): string[] {
  const { name, id, mode, conflictPolicy, durability, replicas, contextRequired } = bucket;
  const context = contextRequired ? 'required' : 'optional';
  return [name, String(id), mode, conflictPolicy, durability, String(replicas), context];
}
