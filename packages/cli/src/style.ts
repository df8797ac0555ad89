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

export function paintFor(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const { NO_COLOR: noColour = '', TERM: terminal } = environment;
  if (!isTerminal || noColour !== '' || terminal === 'dumb') return (_style, text) => text;
  return (style, text) => (style === 'plain' ? text : styleText(FORMATS[style], text));
}
