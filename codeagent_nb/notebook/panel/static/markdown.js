// @ts-check
// The model's Markdown as safe elements. Whatever the model writes, nothing runs and nothing is fetched.

/** Larger blocks are not coloured while they are still being written. */
const COLOURED_WHILE_OPEN = 8_000;
const COLOURED = 60_000;
const DATA_IMAGE = /^data:image\/(png|jpe?g|gif|webp|svg\+xml)[;,]/i;
const LINK = /^(https?:|mailto:)/i;

/** HTML of the model is shown, not obeyed; only the line break is a common habit in tables. */
const markdown = new marked.Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => (/^<br\s*\/?>$/i.test(text.trim()) ? "<br>" : escapeHtml(text)),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** @type {SanitizeOptions} */
const SAFE = {
  RETURN_DOM_FRAGMENT: true,
  ALLOWED_TAGS: [
    ..."p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong del a img span".split(" "),
    ..."table thead tbody tr th td".split(" "),
  ],
  ALLOWED_ATTR: ["href", "src", "alt", "title", "class", "start", "align"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};

DOMPurify.addHook("uponSanitizeAttribute", (node, data) => {
  if (data.attrName === "href") data.keepAttr = LINK.test(data.attrValue);
  if (data.attrName === "src") data.keepAttr = DATA_IMAGE.test(data.attrValue);
  if (data.attrName === "class") data.keepAttr = /^(language|hljs)-[\w+#. -]+$/.test(data.attrValue);
});
DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
});

/** @param {string} text */
function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Markdown that grows: only the blocks that changed are made again. */
class Markdown {
  constructor() {
    /** @type {HTMLElement} */
    this.element = h("div", { class: "cagent-markdown" });
    /** @type {{ raw: string, element: HTMLElement }[]} */
    this.blocks = [];
    this.links = "";
  }

  /** @param {string} text @param {boolean} open */
  show(text, open) {
    const all = markdown.lexer(text);
    const links = JSON.stringify(all.links);
    if (links !== this.links) this.clear(); // a reference may change what any block looks like
    this.links = links;
    const tokens = all.filter((token) => token.type !== "space" && token.type !== "def");
    tokens.forEach((token, at) => this.showBlock(token, at, open));
    for (const block of this.blocks.splice(tokens.length)) block.element.remove();
  }

  clear() {
    this.element.replaceChildren();
    this.blocks = [];
  }

  /** @param {MarkdownToken} token @param {number} at @param {boolean} open */
  showBlock(token, at, open) {
    const plain = open && token.raw.length > COLOURED_WHILE_OPEN;
    const raw = `${plain}${token.raw}`;
    const old = this.blocks[at];
    if (old?.raw === raw) return;
    const element = h("div", { class: "cagent-block" }, renderBlock(token, plain));
    if (old) old.element.replaceWith(element);
    else this.element.append(element);
    this.blocks[at] = { raw, element };
  }
}

/** @param {MarkdownToken} token @param {boolean} plain @returns {DocumentFragment} */
function renderBlock(token, plain) {
  const fragment = DOMPurify.sanitize(markdown.parser([token]), SAFE);
  for (const image of fragment.querySelectorAll("img:not([src])")) {
    image.replaceWith(h("span", { class: "cagent-muted", text: `[image: ${image.getAttribute("alt") || "not shown"}]` }));
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = h("div", { class: "cagent-table" });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const code of fragment.querySelectorAll("pre > code")) {
    const language = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
    const pre = /** @type {HTMLPreElement} */ (code.parentElement);
    pre.replaceWith(codeCard(code.textContent.replace(/\n$/, ""), language, plain));
  }
  return fragment;
}

/**
 * Code with its language and a copy button.
 * @param {string} text @param {string} language @param {boolean} plain
 * @returns {HTMLElement}
 */
function codeCard(text, language, plain) {
  const code = h("code", { text });
  if (!plain && text.length < COLOURED && hljs.getLanguage(language)) {
    const coloured = hljs.highlight(text, { language, ignoreIllegals: true }).value;
    code.replaceChildren(DOMPurify.sanitize(coloured, SAFE));
  }
  const bar = h("div", { class: "cagent-code-bar" }, h("span", { text: language || "text" }), copyButton(() => text));
  return h("div", { class: "cagent-code" }, bar, h("pre", {}, code));
}
