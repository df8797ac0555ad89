/**
 * Colours, where somebody looks: on a terminal, unless NO_COLOR is set (to anything but the empty
 * text) or TERM is "dumb".
 */
import { styleText } from 'node:util';

export type Style = 'plain' | 'good' | 'bad' | 'warning' | 'faint' | 'strong';

export type Paint = (style: Style, text: string) => string;

const FORMATS = {
  good: 'green',
  bad: 'red',
  warning: 'yellow',
  faint: 'dim',
  strong: 'bold',
} as const;

/** The stream to look at is our caller's choice: styleText itself would look at standard output. */
const styled = styleText as (
  format: (typeof FORMATS)[keyof typeof FORMATS],
  text: string,
  options: { readonly validateStream: boolean },
) => string;

export function paintFor(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const { NO_COLOR: noColour = '', TERM: terminal } = environment;
  if (!isTerminal || noColour !== '' || terminal === 'dumb') return (_style, text) => text;
  return (style, text) =>
    style === 'plain' ? text : styled(FORMATS[style], text, { validateStream: false });
}
