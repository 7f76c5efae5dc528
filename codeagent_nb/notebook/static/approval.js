// @ts-check
// The form that asks before code runs. Sends texts as they stand in its fields; decides nothing.

/** @typedef {{ id: string, isolation: string, blocks: { language: string, code: string }[] }} Approval */

/**
 * @param {Approval} approval
 * @param {(message: Record<string, any>) => void} send
 * @returns {HTMLElement}
 */
function approvalForm(approval, send) {
  const fields = approval.blocks.map((block) => codeField(block.code));
  const originals = fields.map((field) => field.value);
  const reason = h("input", { type: "text", class: "cagent-field cagent-reason", placeholder: "Why not? (optional)",
    "aria-label": "Reason for rejecting", "data-lm-suppress-shortcuts": "true", autocomplete: "off" });
  const approve = button({ class: "cagent-primary", icon: "check", text: "Run it", title: "Ctrl+Enter in the code", onclick: () => answer(approving()) });
  const reject = button({ text: "Reject", onclick: () => answer(rejecting()) });

  const codes = () => fields.map((field, at) => (edited(at) ? field.value : approval.blocks[at].code));
  const edited = (/** @type {number} */ at) => fields[at].value !== originals[at];
  const approving = () => ({ type: "approve", id: approval.id, codes: codes() });
  const rejecting = () => ({ type: "reject", id: approval.id, reason: reason.value.trim() });
  const form = h("section", { class: "cagent-approval", tabindex: "-1", "aria-label": "Approve code",
    oninput: () => tellEdited(), onkeydown });

  /** @param {Record<string, any>} message */
  function answer(message) {
    if (form.hasAttribute("data-answered")) return;
    form.setAttribute("data-answered", "");
    for (const control of form.querySelectorAll("button, input")) control.disabled = true;
    for (const field of fields) field.readOnly = true;
    send(message);
  }

  function tellEdited() {
    const some = fields.some((_, at) => edited(at));
    /** @type {HTMLElement} */ (approve.querySelector(".cagent-button-text")).textContent = some ? "Run the edited code" : "Run it";
  }

  /** @param {KeyboardEvent} event */
  function onkeydown(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.target === reason) answer(rejecting());
    else if (event.ctrlKey || event.metaKey) answer(approving());
    else return;
    event.preventDefault();
  }

  form.append(
    approvalHead(approval),
    ...fields.map((field, at) => labelled(field, approval.blocks[at].language, at, fields.length)),
    h("div", { class: "cagent-approval-foot" }, approve, h("div", { class: "cagent-reject" }, reason, reject)));
  return form;
}

/** @param {Approval} approval */
function approvalHead(approval) {
  const title = approval.blocks.length > 1 ? `Run these ${approval.blocks.length} blocks?` : "Run this code?";
  return h("div", { class: "cagent-approval-head" },
    h("strong", { text: title }),
    h("span", { class: "cagent-muted", text: "You may edit it first." }),
    h("span", { class: "cagent-chip", title: "Where it will run" }, icon("shield"), h("span", { text: approval.isolation })));
}

/** @param {string} code @returns {HTMLTextAreaElement} */
function codeField(code) {
  const field = h("textarea", { class: "cagent-field cagent-code-field", spellcheck: "false", wrap: "off",
    autocapitalize: "off", autocomplete: "off", "data-lm-suppress-shortcuts": "true", oninput: () => fit() });
  const fit = () => (field.rows = Math.min(field.value.split("\n").length, 14)); // works before the field is in the page
  field.value = code.replace(/\n+$/, "");
  fit();
  return field;
}

/** @param {HTMLTextAreaElement} field @param {string} language @param {number} at @param {number} count */
function labelled(field, language, at, count) {
  const name = count > 1 ? `${language} · block ${at + 1} of ${count}` : language;
  return h("label", { class: "cagent-approval-block" }, h("span", { class: "cagent-label", text: name }), field);
}
