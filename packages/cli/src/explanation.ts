/** How an answer came about, for people: one line for each replica that was asked, then what is owed. */
import type { ExplainedReplica, Explanation } from '@clockwise/client';
import type { OptionTable } from './command.ts';
import type { Paint } from './style.ts';
import { tableText, type Cell } from './text-table.ts';

/** What get, put and delete take alike. */
export const READING_OPTIONS: OptionTable = {
  strict: { type: 'boolean', help: 'only primaries may answer' },
  explain: { type: 'boolean', help: 'tell how the answer came about, replica by replica' },
};

export function explanationText(
  explanation: Explanation,
  paint: Paint = (_style, text) => text,
): string {
  const rows = explanation.replicas.map((one): Cell[] => [
    String(one.position),
    one.node,
    one.dataCentre,
    one.standsInFor ?? '',
    one.task,
    one.askedMs.toFixed(2),
    one.answeredMs?.toFixed(2) ?? '-',
    outcomeOf(one, explanation.totalMs),
    one.version ?? '',
  ]);
  const titles = [
    { title: 'POSITION', align: 'right' },
    { title: 'NODE' },
    { title: 'DC' },
    { title: 'INSTEAD OF' },
    { title: 'ASKED TO' },
    { title: 'ASKED MS', align: 'right' },
    { title: 'ANSWERED MS', align: 'right' },
    { title: 'OUTCOME' },
    { title: 'VERSION' },
  ] as const;
  return `${tableText(titles, rows, { paint })}\n${summaryOf(explanation)}`;
}

/** Who is silent when the answer is given may be late by a moment only: so it is said by how long. */
function outcomeOf({ outcome, askedMs }: ExplainedReplica, totalMs: number): Cell {
  if (outcome === 'ok' || outcome === 'not found') return outcome;
  if (outcome !== 'silent') return { text: outcome, style: 'bad' };
  return { text: `silent ${(totalMs - askedMs).toFixed(2)} ms`, style: 'warning' };
}

function summaryOf(explanation: Explanation): string {
  const { node, via, partition, epoch, level, required, totalMs } = explanation;
  const parts = [
    `by ${node}${via === undefined ? '' : ` through ${via}`}`,
    `partition ${partition} of epoch ${epoch}`,
    `level ${level} (${required})`,
    `${totalMs.toFixed(2)} ms`,
  ];
  if (explanation.strict) parts.push('strict');
  if (explanation.sloppy) parts.push('sloppy');
  for (const [what, nodes] of [
    ['hinted copies at', explanation.hinted],
    ['repaired', explanation.repaired],
    ['not acknowledged yet by', explanation.owed],
  ] as const) {
    if (nodes.length > 0) parts.push(`${what} ${nodes.join(', ')}`);
  }
  return parts.join(' · ');
}
