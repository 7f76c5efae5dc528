// @ts-check
// The card that asks for a server's token. What is typed is sent as a message and is in no trait, so in no notebook.

/** @typedef {{ id: string, title: string, why: string, busy: boolean, error: string }} ServerFields */

/** @param {ServerFields} first @param {(message: Record<string, any>) => void} send @returns {CardView} */
function serverCard(first, send) {
  const token = h("input", { type: "password", class: "cagent-field", placeholder: "Token", "aria-label": "Token",
    autocomplete: "off", spellcheck: "false", onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      use();
    } });
  const apply = button({ class: "cagent-primary", icon: "check", text: "Use this token", onclick: () => use() });
  const error = h("div", { class: "cagent-card-error", role: "alert", hidden: true });
  const element = h("section", { class: "cagent-card", tabindex: "-1", "aria-label": first.title },
    h("div", { class: "cagent-card-head" }, h("strong", { text: first.title }), h("span", { class: "cagent-muted", text: first.why })),
    h("div", { class: "cagent-fields" }, token), error, h("div", { class: "cagent-card-foot" }, apply));

  function use() {
    if (apply.disabled) return;
    apply.disabled = true;
    send({ type: "server-token", token: token.value });
  }

  return { element, update: (/** @type {ServerFields} */ fields) => {
    apply.disabled = fields.busy;
    label(apply, fields.busy ? "Asking the server…" : "Use this token");
    error.hidden = !fields.error || fields.busy;
    error.textContent = fields.error;
  } };
}
