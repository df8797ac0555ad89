/**
 * Tables for people: columns line up, and no line is longer than what fits. What is too long is cut,
 * widest column first, and ends in an ellipsis.
 *
 * Invariants:
 *   TT1 no line is longer than the columns given, as long as each column has room for one character
 *   TT2 control characters in a cell cannot move the cursor: each is shown as a blank
 */
import type { Paint, Style } from './style.ts';

export const LINE_COLUMNS_MAX = 100;

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

export type Cell = string | { readonly text: string; readonly style: Style };

export interface TableOptions {
  readonly paint: Paint;
  readonly columnsMax?: number;
}

const GAP = '  ';

export function tableText(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { paint, columnsMax = LINE_COLUMNS_MAX }: TableOptions,
): string {
  const texts = rows.map((row) => columns.map((_, index) => clean(textOf(row[index] ?? ''))));
  const widths = fit(
    columns.map((column, index) =>
      Math.max(column.title.length, ...texts.map((row) => lengthOf(row[index] ?? ''))),
    ),
    columnsMax - GAP.length * (columns.length - 1),
  );
  const line = (cells: readonly string[], style: (index: number) => Style): string =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0;
        const text = cut(cells[index] ?? '', width);
        const isLast = index === columns.length - 1;
        return pad(paint(style(index), text), width - lengthOf(text), column.align, isLast);
      })
      .join(GAP)
      .trimEnd();
  const titles = columns.map((column) => column.title);
  return [
    line(titles, () => 'faint'),
    ...texts.map((cells, row) => line(cells, (index) => styleOf(rows[row]?.[index]))),
  ].join('\n');
}

/** Cut to the width, with an ellipsis where something is missing. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  return `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** One line without control characters, so that data cannot play with the terminal. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ');
}

/** Takes from the widest until all fit. */
function fit(wanted: readonly number[], room: number): number[] {
  const widths = [...wanted];
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= 1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function pad(text: string, blanks: number, align: Column['align'], isLast: boolean): string {
  const blank = ' '.repeat(Math.max(0, blanks));
  if (align === 'right') return blank + text;
  return isLast ? text : text + blank;
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

function styleOf(cell: Cell | undefined): Style {
  return cell === undefined || typeof cell === 'string' ? 'plain' : cell.style;
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
