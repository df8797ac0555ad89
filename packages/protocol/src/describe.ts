/**
 * The tables of docs/internals/protocol.md, made from the declarations, so that the page cannot say
 * anything else than the code.
 *
 * Invariants:
 *   DP1 equal declarations give equal text, and the page in the repository is that text
 */
import { unreachable } from '@clockwise/kernel/assert';
import { VALUE_CODEC } from '@clockwise/record/layout';
import { CONTROL_MESSAGES, controlDeclaration } from './control-messages.ts';
import type { ControlKind, FieldDeclaration } from './control-messages.ts';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from './errors.ts';
import { REPLICA_OPCODE, REPLY_KIND, REQUEST_OPCODE, TAG } from './frame.ts';
import { REJECTION } from './rejections.ts';
import { STRUCTURED_TYPE } from './structured-value.ts';

/** What stands before and after the generated part of the page. */
export const GENERATED_BEGIN = '<!-- generated: node test/dist/protocol-table.js -->';
export const GENERATED_END = '<!-- end of what is generated -->';

/** The generated part, its two marks included. */
export function describeProtocol(): string {
  return [
    GENERATED_BEGIN,
    '## Numbers on the wire',
    describeNumbers('Frame tag', TAG),
    describeNumbers('Request', REQUEST_OPCODE),
    describeNumbers('Replica request', REPLICA_OPCODE),
    describeNumbers('Replica reply', REPLY_KIND),
    describeNumbers('Value codec', VALUE_CODEC),
    describeNumbers('Structured type', STRUCTURED_TYPE),
    '## Control messages',
    describeMessages(),
    '## Fields of control messages',
    describeFields(),
    '## Status codes',
    describeErrors(),
    '## Rejections',
    describeNumbers('Rejection', REJECTION),
    GENERATED_END,
  ].join('\n\n');
}

/** The page with its generated part brought up to date, or undefined where the marks are missing. */
export function refreshPage(page: string): string | undefined {
  const begin = page.indexOf(GENERATED_BEGIN);
  const end = page.indexOf(GENERATED_END);
  if (begin < 0 || end < begin) return undefined;
  return page.slice(0, begin) + describeProtocol() + page.slice(end + GENERATED_END.length);
}

function describeNumbers(title: string, numbers: Readonly<Record<string, number>>): string {
  const rows = Object.entries(numbers).map(([name, number]) => [`${number}`, `\`${name}\``]);
  return table(['Number', title], rows);
}

function describeMessages(): string {
  const rows = kinds().map((kind) => {
    const { code, source, target, lost } = controlDeclaration(kind);
    return [`${code}`, `\`${kind}\``, source.join(', '), target.join(', '), lost];
  });
  return table(['Code', 'Message', 'Source', 'Target', 'When it is lost'], rows);
}

function describeFields(): string {
  const rows = kinds().flatMap((kind) => {
    const { fields, extensible } = controlDeclaration(kind);
    const name = extensible ? `\`${kind}\` (extensible)` : `\`${kind}\``;
    return fieldRows(name, '', fields);
  });
  return table(['Message', 'Field', 'Type', 'Limit'], rows);
}

function fieldRows(
  message: string,
  prefix: string,
  fields: readonly FieldDeclaration[],
): string[][] {
  return fields.flatMap((field) => {
    const row = [message, `\`${prefix}${field[0]}\``, field[1], limitOf(field)];
    if (field[1] !== 'list') return [row];
    return [row, ...fieldRows(message, `${prefix}${field[0]}[].`, field[3])];
  });
}

function limitOf(field: FieldDeclaration): string {
  switch (field[1]) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 'i32':
    case 'u64':
    case 'f64':
    case 'bool':
      return '';
    case 'text':
    case 'bytes':
      return `${field[2]} bytes`;
    case 'choice':
      return field[2].map((name, index) => `${index} ${name}`).join(', ');
    case 'list':
      return `${field[2]} items`;
    default:
      return unreachable(field);
  }
}

function describeErrors(): string {
  const rows = Object.entries(ERRORS).map(([name, { code, retryable, outcome, text }]) => [
    `${code}`,
    `\`${name}\``,
    retryable ? 'yes' : 'no',
    outcome,
    text,
  ]);
  const answers = [
    [`${STATUS_OK}`, 'ok', '', 'applied', ''],
    [`${STATUS_NOT_FOUND}`, 'not found', '', '', 'the key has no value'],
  ];
  return table(['Code', 'Name', 'Retry', 'Outcome', 'Meaning'], [...answers, ...rows]);
}

function kinds(): ControlKind[] {
  return Object.keys(CONTROL_MESSAGES) as ControlKind[];
}

/** A Markdown table whose columns line up. */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(titles), rule, ...rows.map(line)].join('\n');
}
