// Replaces what is not code by spaces, so that the rules can search source text with patterns: every
// character keeps its place and its line. Regular expressions are told from divisions by what
// precedes them, which is right for formatted code. No parser: TypeScript 7 offers none.

export interface Blanked {
  /** Comments, the insides of strings and templates, and regular expressions are spaces. */
  readonly code: string;
  /** Only comments are spaces. */
  readonly withStrings: string;
}

const BEFORE_EXPRESSION =
  /(?:^|[=([{},;:!&|?+\-*%<>~^]|\b(?:return|typeof|case|of|in|void|throw))$/;

export function blank(text: string): Blanked {
  return new Blanker(text).run();
}

class Blanker {
  readonly #text: string;
  readonly #code: string[];
  readonly #withStrings: string[];
  /** One entry per `${` that is open: the depth of braces inside it. */
  readonly #templates: number[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#code = spaces(text).split('');
    this.#withStrings = spaces(text).split('');
  }

  run(): Blanked {
    while (this.#at < this.#text.length) this.#step();
    return { code: this.#code.join(''), withStrings: this.#withStrings.join('') };
  }

  #step(): void {
    const character = this.#text.charAt(this.#at);
    const pair = this.#text.slice(this.#at, this.#at + 2);
    if (pair === '//') this.#at = this.#find('\n', this.#at);
    else if (pair === '/*') this.#at = this.#find('*/', this.#at + 2) + 2;
    else if (character === '"' || character === "'") this.#quoted(character);
    else if (character === '`') this.#template('`');
    else if (character === '/' && this.#expectsExpression()) this.#regularExpression();
    else this.#plain(character);
  }

  #plain(character: string): void {
    const depth = this.#templates.at(-1);
    if (depth === 0 && character === '}') {
      this.#templates.pop();
      this.#template(')');
      return;
    }
    if (depth !== undefined && (character === '{' || character === '}')) {
      this.#templates[this.#templates.length - 1] = depth + (character === '{' ? 1 : -1);
    }
    this.#code[this.#at] = character;
    this.#withStrings[this.#at] = character;
    this.#at += 1;
  }

  #quoted(quote: string): void {
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== quote && this.#text[end] !== '\n') {
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    this.#literal(end + 1, quote, quote);
  }

  /**
   * From a backtick, or from the brace that closes a `${`, to the next `${` or the last backtick.
   * In the code an inserted expression stands in parentheses.
   */
  #template(first: string): void {
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== '`') {
      if (this.#text.startsWith('${', end)) {
        this.#templates.push(0);
        this.#literal(end + 2, first, '(');
        return;
      }
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    this.#literal(end + 1, first, '`');
  }

  #literal(end: number, first: string, last: string): void {
    for (let index = this.#at; index < Math.min(end, this.#text.length); index += 1) {
      this.#withStrings[index] = this.#text.charAt(index);
    }
    this.#code[this.#at] = first;
    if (end <= this.#text.length) this.#code[end - 1] = last;
    this.#at = end;
  }

  /** In the code a number stands for it: something that is a value. */
  #regularExpression(): void {
    let end = this.#at + 1;
    let inClass = false;
    while (end < this.#text.length && (inClass || this.#text[end] !== '/')) {
      if (this.#text[end] === '[') inClass = true;
      else if (this.#text[end] === ']') inClass = false;
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    this.#code[this.#at] = '0';
    this.#at = end + 1;
  }

  #expectsExpression(): boolean {
    const before = this.#code.slice(Math.max(0, this.#at - 200), this.#at).join('');
    return BEFORE_EXPRESSION.test(before.trimEnd().slice(-10));
  }

  #find(what: string, from: number): number {
    const found = this.#text.indexOf(what, from);
    return found === -1 ? this.#text.length : found;
  }
}

function spaces(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}
