// @ts-check
// The form that asks before code runs. Shows rows that are ready to be shown and sends which question was answered;
// what runs is what the kernel has under that question, never a text of the page. Decides nothing.

/** `lines` are a number and parts, each a text and whether it is spelled out; `code` is there to be edited, or null.
 * @typedef {{ title: string, notes: string[], lines: [number, [string, boolean][]][], code: string | null }} ShownBlock */
/** `grant` is asked instead of whether code may run; then there are no blocks.
 * @typedef {{ id: string, isolation: string, edited: boolean, blocks: ShownBlock[], grant?: string }} Approval */

/** Milliseconds that the code is on the screen before it can be approved: a key or a click meant for what was there
 * before is no answer. */
const ARMED_AFTER = 400;
/** Pixels that a box of code is wide, at least, where code can be read. */
const READABLE = 160;

/**
 * @param {Approval} approval
 * @param {(message: Record<string, any>) => void} send
 * @returns {HTMLElement}
 */
function approvalForm(approval, send) {
  const blocks = approval.blocks.map((block) => codeBlock(block, tellEditing));
  const reason = h("input", { type: "text", class: "cagent-field cagent-reason", placeholder: "What instead? (optional)",
    "aria-label": "Reason for rejecting", "data-lm-suppress-shortcuts": "true", autocomplete: "off" });
  const run = approval.grant ? "Allow once" : approval.edited ? "Run the edited code" : "Run it";
  const approve = button({ class: "cagent-primary", icon: "check", text: run, title: "Ctrl+Enter in the code",
    disabled: true, onclick: () => answer() });
  const always = approval.grant ? button({ text: "Allow in this session", disabled: true,
    onclick: () => send_({ type: "approve", id: approval.id, lasting: true }) }) : "";
  const reject = button({ text: "Reject", onclick: () => send_({ type: "reject", id: approval.id, reason: reason.value.trim() }) });
  const form = h("section", { class: "cagent-approval", tabindex: "-1", "aria-label": approval.grant ? "Allow" : "Approve code", onkeydown });

  const editing = () => blocks.some((block) => block.isOpen());

  /** What was edited is shown again before it can run, spelled out like all code. */
  function answer() {
    if (editing()) send_({ type: "review", id: approval.id, codes: blocks.map((block) => block.edited()) });
    else if (!approve.disabled) send_({ type: "approve", id: approval.id });
  }

  /** @param {Record<string, any>} message */
  function send_(message) {
    if (form.hasAttribute("data-answered")) return;
    form.setAttribute("data-answered", "");
    /** @type {NodeListOf<HTMLButtonElement | HTMLInputElement>} */
    const controls = form.querySelectorAll("button, input");
    for (const control of controls) control.disabled = true;
    for (const field of form.querySelectorAll("textarea")) field.readOnly = true;
    send(message);
  }

  function tellEditing() {
    /** @type {HTMLElement} */ (approve.querySelector(".cagent-button-text")).textContent = "Review the edited code";
    approve.disabled = false; // nothing runs by that
  }

  /** @param {KeyboardEvent} event */
  function onkeydown(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.target === reason) reject.click();
    else if ((event.ctrlKey || event.metaKey) && !event.repeat) answer();
    else return;
    event.preventDefault();
  }

  form.append(
    approvalHead(approval),
    ...blocks.map((block) => block.element),
    h("div", { class: "cagent-approval-foot" }, h("div", { class: "cagent-allow" }, approve, always), h("div", { class: "cagent-reject" }, reason, reject)));
  enableOnceSeen(always ? [approve, always] : [approve], blocks.map((block) => block.box));
  return form;
}

/** @param {Approval} approval */
function approvalHead(approval) {
  if (approval.grant) return h("div", { class: "cagent-approval-head" }, h("strong", { text: approval.grant }));
  const many = approval.blocks.length > 1 ? `these ${approval.blocks.length} blocks` : "this code";
  const hint = approval.edited ? "This is the code as you edited it." : "You may edit it first.";
  return h("div", { class: "cagent-approval-head" },
    h("strong", { text: `Run ${many}?` }),
    h("span", { class: "cagent-muted", text: hint }),
    h("span", { class: "cagent-chip", title: "Where it will run" }, icon("shield"), h("span", { text: approval.isolation })));
}

/** One block: all of its rows in a box that scrolls, and a text field in their place once it is edited.
 * @param {ShownBlock} block @param {() => void} opened
 * @returns {{ element: HTMLElement, box: HTMLElement, isOpen: () => boolean, edited: () => string | null }} */
function codeBlock(block, opened) {
  const box = h("div", { class: "cagent-rows", role: "group", tabindex: "0", "aria-label": block.title,
    "data-lm-suppress-shortcuts": "true", onscroll: () => tellMore(box) }, ...block.lines.map(codeRow));
  const more = h("div", { class: "cagent-more", text: "▼ more below" });
  const edit = button({ class: "cagent-quiet", text: "Edit", hidden: block.code === null, onclick: () => begin() });
  const element = h("div", { class: "cagent-approval-block" },
    h("div", { class: "cagent-label" }, h("span", { text: block.title }), edit),
    ...block.notes.map((note) => h("div", { class: "cagent-unusual" }, icon("warn"), h("span", { text: note }))), box, more);
  /** @type {HTMLTextAreaElement | null} */
  let field = null;
  let original = "";
  function begin() {
    field = codeField(block.code ?? "", block.title);
    original = field.value; // a text field has line ends of its own
    box.replaceWith(field);
    more.remove();
    edit.hidden = true;
    field.focus();
    field.setSelectionRange(0, 0);
    field.scrollTop = 0;
    opened();
  }
  return { element, box, isOpen: () => field !== null, edited: () => (field && field.value !== original ? field.value : null) };
}

/** @param {[number, [string, boolean][]]} line */
function codeRow([number, parts]) {
  const texts = parts.map(([text, spelled]) => h("span", { class: spelled && "cagent-spelled", text }));
  return h("div", { class: "cagent-row" }, h("span", { class: "cagent-number", "data-number": number, "aria-hidden": "true" }),
    h("code", {}, ...texts));
}

/** Say whether rows of a box are below what is seen of it. @param {HTMLElement} box */
function tellMore(box) {
  box.toggleAttribute("data-more", box.scrollHeight - box.scrollTop - box.clientHeight > 4);
}

/** @param {string} code @param {string} title @returns {HTMLTextAreaElement} */
function codeField(code, title) {
  const field = h("textarea", { class: "cagent-field cagent-code-field", spellcheck: "false", wrap: "soft",
    autocapitalize: "off", autocomplete: "off", "aria-label": title, "data-lm-suppress-shortcuts": "true",
    oninput: () => fit() });
  const fit = () => (field.rows = Math.min(field.value.split("\n").length + 1, 18)); // works before the field is in the page
  field.value = code.replace(/\n$/, "");
  fit();
  return field;
}

/** Enable buttons once each of these boxes has been on the screen, wide enough to be read, and a moment more.
 * @param {HTMLButtonElement[]} buttons @param {HTMLElement[]} boxes */
function enableOnceSeen(buttons, boxes) {
  const unseen = new Set(boxes);
  /** @type {Set<HTMLElement>} */
  const onScreen = new Set();
  const look = () => {
    for (const box of onScreen) {
      tellMore(box);
      if (box.clientWidth >= READABLE) unseen.delete(box);
    }
    if (unseen.size) return;
    crossing.disconnect();
    setTimeout(() => { for (const each of buttons) each.disabled = each.closest("[data-answered]") !== null; }, ARMED_AFTER);
  };
  const crossing = new IntersectionObserver((changes) => {
    for (const { isIntersecting, target } of changes) {
      const box = /** @type {HTMLElement} */ (target);
      if (isIntersecting) onScreen.add(box);
      else onScreen.delete(box);
    }
    look();
  });
  const sizing = new ResizeObserver(() => unseen.size && look());
  for (const box of boxes) [crossing, sizing].forEach((observer) => observer.observe(box));
  if (!boxes.length) look(); // nothing but the question is to be read
}
