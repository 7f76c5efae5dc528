// What the scripts use of the constants that `widget.py` makes of the vendored files. Read by editors and `make javascript`.

/** A block of Markdown, as marked's lexer finds it. */
interface MarkdownToken {
  type: string;
  raw: string;
}

interface MarkdownRenderer {
  html(token: { text: string }): string;
  checkbox(token: { checked: boolean }): string;
}

declare const marked: {
  Marked: new (options: { gfm: boolean; renderer: MarkdownRenderer }) => {
    lexer(text: string): MarkdownToken[] & { links: Record<string, object> };
    parser(tokens: MarkdownToken[]): string;
  };
};

interface SanitizeOptions {
  RETURN_DOM_FRAGMENT: true;
  ALLOWED_TAGS: string[];
  ALLOWED_ATTR: string[];
  ALLOW_DATA_ATTR: boolean;
  ALLOW_ARIA_ATTR: boolean;
}

interface SanitizedAttribute {
  readonly attrName: string;
  readonly attrValue: string;
  keepAttr: boolean;
}

declare const DOMPurify: {
  addHook(name: "uponSanitizeAttribute", hook: (node: Element, data: SanitizedAttribute) => void): void;
  addHook(name: "afterSanitizeAttributes", hook: (node: Element) => void): void;
  sanitize(html: string, options: SanitizeOptions): DocumentFragment;
};

declare const hljs: {
  getLanguage(name: string): object | undefined;
  highlight(text: string, options: { language: string; ignoreIllegals: boolean }): { value: string };
};
