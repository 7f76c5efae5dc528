// @ts-check
// What the kernel is doing: the line that runs, once a block takes some seconds, and on demand what `%agent status` says.
// It asks every few seconds, only while somebody can see it, and waits for each answer. Its words come with the answers.

const LOOK_AFTER = 5000;
const LOOK_EVERY = 3000;
/** Then an answer was lost, or the notebook's kernel is at work. */
const LOST_AFTER = 20_000;
const NO_KERNEL = "No kernel yet: the first task starts one.";

class KernelView {
  /** @param {HTMLElement} root @param {() => void} look asks for the next answer */
  constructor(root, look) {
    this.root = root;
    this.look = look;
    this.begun = 0;
    this.asked = 0;
    this.waits = false;
    this.timer = 0;
    this.line = h("div", { class: "cagent-where", hidden: true });
    this.rows = h("dl", { class: "cagent-kernel-rows" });
    this.none = h("div", { class: "cagent-muted", text: NO_KERNEL, hidden: true });
    this.details = h("div", { class: "cagent-kernel", role: "region", "aria-label": "Kernel", hidden: true },
      this.rows, this.none);
    this.toggle = button({ class: "cagent-quiet cagent-disclosure", icon: "closed", text: "Kernel",
      title: "What the kernel holds", "aria-expanded": "false", onclick: () => this.open(this.details.hidden) });
  }

  /** Whether a block runs, from now on. @param {boolean} runs */
  follow(runs) {
    this.begun = runs ? Date.now() : 0;
    this.line.hidden = true;
    if (!this.details.hidden) this.askSoon();
    this.keepTime();
  }

  /** @param {boolean} open */
  open(open) {
    this.details.hidden = !open;
    this.toggle.setAttribute("aria-expanded", String(open));
    this.toggle.firstElementChild?.replaceWith(icon(open ? "opened" : "closed"));
    this.line.hidden = true;
    if (open) this.askSoon();
    this.keepTime();
  }

  keepTime() {
    clearInterval(this.timer);
    if (this.begun) this.timer = window.setInterval(() => this.tick(), 500);
  }

  tick() {
    const isDue = !this.details.hidden || Date.now() - this.begun >= LOOK_AFTER;
    if (isDue && Date.now() - this.asked >= LOOK_EVERY && this.isSeen()) this.ask();
  }

  askSoon() {
    if (this.isSeen()) this.ask();
  }

  ask() {
    if (this.waits && Date.now() - this.asked < LOST_AFTER) return;
    this.asked = Date.now();
    this.waits = true;
    this.look();
  }

  /** Not in a hidden page, a tab behind another, or a cell that was scrolled out of the document. */
  isSeen() {
    return document.visibilityState === "visible" && this.root.isConnected && this.root.offsetParent !== null;
  }

  /** @param {{ where: string, rows: [string, string][] }} answer */
  show({ where, rows }) {
    this.waits = false;
    this.line.hidden = !where || !this.begun || !this.details.hidden || Date.now() - this.begun < LOOK_AFTER;
    this.line.replaceChildren(...withCode(where));
    this.line.title = where;
    this.rows.replaceChildren(
      ...rows.flatMap(([name, text]) => [h("dt", { text: name }), h("dd", {}, ...withCode(text))]));
    this.none.hidden = rows.length > 0;
  }

  close() {
    clearInterval(this.timer);
  }
}

/** A text whose parts in backticks are code. @param {string} text @returns {HTMLElement[]} */
function withCode(text) {
  return text.split(/`([^`]*)`/).map((part, at) => h(at % 2 ? "code" : "span", { text: part }));
}
