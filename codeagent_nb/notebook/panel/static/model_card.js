// @ts-check
// The card with the ways to a model. A key that is typed is sent as a message and is in no trait, so in no notebook.

/** @typedef {{ name: string, url: string, models: string[], locked: boolean }} Found */
/** @typedef {{ id: string, title: string, why: string,
 *   embedded: { name: string, size: string, here: boolean, command: string, phase: string, share: number, text: string, error: string },
 *   key: { busy: boolean, error: string, models: string[], url: string, usual: string },
 *   servers: { looking: boolean, looked: boolean, found: Found[] } }} ModelFields */

/** @param {ModelFields} first @param {(message: Record<string, any>) => void} send @returns {CardView} */
function modelCard(first, send) {
  const parts = [embeddedWay(first, send), keyWay(first, send), serverWay(send)];
  const why = h("span", { class: "cagent-muted" });
  const element = h("section", { class: "cagent-card", tabindex: "-1", "aria-label": first.title },
    h("div", { class: "cagent-card-head" }, h("strong", { text: first.title }), why),
    ...parts.map((part) => part.element));
  return { element, update: (/** @type {ModelFields} */ fields) => {
    why.textContent = `${fields.why} Choose one of these ways; a task that waits then runs by itself.`;
    for (const part of parts) part.update(fields);
  } };
}

/** One way: what it is, and what can be done. @param {string} title @param {string} text @param {...(Node | string)} more */
function way(title, text, ...more) {
  const words = h("div", { class: "cagent-way-words" }, h("strong", { text: title }), h("span", { class: "cagent-muted", text }));
  return h("div", { class: "cagent-way", role: "group", "aria-label": title }, words, ...more);
}

/** @param {ModelFields} first @param {(message: Record<string, any>) => void} send @returns {CardView} */
function embeddedWay(first, send) {
  const { name, size } = first.embedded;
  const fetch = button({ class: "cagent-primary", icon: first.embedded.here ? "check" : "save", text: `Download ${size}`,
    onclick: () => send({ type: "setup-fetch" }) });
  const pause = button({ icon: "waiting", text: "Pause", onclick: () => send({ type: "setup-pause" }) });
  const bar = h("progress", { class: "cagent-progress", max: "1", "aria-label": "Download" });
  const text = h("span", { class: "cagent-muted cagent-progress-text" });
  const progress = h("div", { class: "cagent-progress-row" }, bar, text);
  const error = h("div", { class: "cagent-card-error", role: "alert" });
  const command = h("code", { class: "cagent-command", tabindex: "0" });
  const again = button({ icon: "again", text: "It is installed", onclick: () => send({ type: "setup-installed" }) });
  const install = h("div", { class: "cagent-install" },
    h("span", { class: "cagent-muted", text: "It needs one more package. Run this in a terminal:" }),
    h("div", { class: "cagent-way-row" }, command, copyButton(() => command.textContent ?? "")), again);
  const element = way("A small model on this machine", `${name}. No key; nothing you write leaves this machine.`,
    h("div", { class: "cagent-way-actions" }, fetch, pause), install, progress, error);
  return { element, update: (/** @type {ModelFields} */ { embedded }) => {
    const { phase } = embedded;
    const busy = phase === "running" || phase === "pausing";
    command.textContent = embedded.command;
    install.hidden = !embedded.command;
    fetch.hidden = busy || phase === "done" || Boolean(embedded.command);
    label(fetch, phase === "paused" ? "Resume" : phase === "failed" ? "Try again" : embedded.here ? "Use it" : `Download ${size}`);
    pause.hidden = !busy;
    pause.disabled = phase === "pausing";
    progress.hidden = phase === "idle";
    if (phase === "running" && !embedded.text.includes(" of ")) bar.removeAttribute("value");
    else bar.value = embedded.share;
    text.textContent = embedded.text;
    error.hidden = !embedded.error;
    error.textContent = embedded.error;
  } };
}

/** @param {ModelFields} first @param {(message: Record<string, any>) => void} send @returns {CardView} */
function keyWay(first, send) {
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    use();
  };
  const key = h("input", { type: "password", class: "cagent-field", placeholder: "Key, e.g. sk-…", "aria-label": "Key",
    autocomplete: "off", spellcheck: "false", onkeydown });
  const url = h("input", { type: "text", class: "cagent-field", placeholder: "Address (empty: OpenAI)",
    "aria-label": "Address of the server", autocomplete: "off", spellcheck: "false", value: first.key.url || null, onkeydown });
  const list = `cagent-models-${first.id}`;
  const model = h("input", { type: "text", class: "cagent-field", placeholder: `Model (empty: ${first.key.usual})`, list,
    "aria-label": "Model", autocomplete: "off", spellcheck: "false", onkeydown });
  const known = h("datalist", { id: list });
  const names = h("select", { class: "cagent-select", "aria-label": "Models of this server",
    onchange: () => { model.value = names.value; } });
  const apply = button({ icon: "check", text: "Use this key", onclick: () => use() });
  const error = h("div", { class: "cagent-card-error", role: "alert" });
  const element = way("A key", "Of OpenAI, or of any server with its API. It stays in this kernel's memory and is saved nowhere.",
    h("div", { class: "cagent-fields" }, key, url, model, known), names, h("div", { class: "cagent-way-actions" }, apply), error);

  function use() {
    if (apply.disabled) return;
    apply.disabled = true;
    send({ type: "setup-key", key: key.value, url: url.value, model: model.value });
  }

  /** @type {string} */
  let shown = "";
  return { element, update: (/** @type {ModelFields} */ { key: asked }) => {
    apply.disabled = asked.busy;
    label(apply, asked.busy ? "Asking the server…" : "Use this key");
    error.hidden = !asked.error || asked.busy;
    error.textContent = asked.error;
    names.hidden = asked.models.length === 0;
    if (shown === asked.models.join("\n")) return; // a download tells its progress meanwhile
    shown = asked.models.join("\n");
    const options = asked.models.map((name) => h("option", { value: name, text: name }));
    names.replaceChildren(h("option", { value: "", text: "Choose a model…" }), ...options);
    known.replaceChildren(...asked.models.map((name) => h("option", { value: name })));
  } };
}

/** @param {(message: Record<string, any>) => void} send @returns {CardView} */
function serverWay(send) {
  const look = button({ icon: "again", text: "Look for one", onclick: () => send({ type: "setup-look" }) });
  const list = h("div", { class: "cagent-servers" });
  const element = way("A server on this machine", "Ollama, LM Studio, llama.cpp or vLLM, if one is running.",
    h("div", { class: "cagent-way-actions" }, look), list);
  /** @type {string} */
  let shown = "";
  return { element, update: (/** @type {ModelFields} */ { servers }) => {
    look.disabled = servers.looking;
    label(look, servers.looking ? "Looking…" : servers.looked ? "Look again" : "Look for one");
    if (shown === JSON.stringify(servers)) return; // or what is being chosen would be lost
    shown = JSON.stringify(servers);
    const none = servers.looked && !servers.found.length && !servers.looking;
    list.replaceChildren(...servers.found.map((server) => foundServer(server, send)),
      none ? h("span", { class: "cagent-muted", text: "None answers. Start one, and look again; or type its address above." }) : "");
  } };
}

/** @param {Found} server @param {(message: Record<string, any>) => void} send */
function foundServer(server, send) {
  const place = server.url.replace(/^https?:\/\/|\/v1$/g, "");
  const names = h("select", { class: "cagent-select", "aria-label": `Models of ${server.name}` },
    ...server.models.map((name) => h("option", { value: name, text: name })));
  const use = button({ class: "cagent-primary", icon: "check", text: "Use it",
    onclick: () => send({ type: "setup-server", url: server.url, model: names.value }) });
  const missing = server.locked ? `It wants a key: type one above, with the address ${server.url}`
    : server.name === "Ollama" ? "It has no model yet: ollama pull qwen2.5-coder:7b" : "It has no model loaded.";
  return h("div", { class: "cagent-way-row" }, h("span", { class: "cagent-server-name" }, h("strong", { text: server.name }),
    h("span", { class: "cagent-muted", text: place })),
  ...(server.models.length ? [names, use] : [h("span", { class: "cagent-muted", text: missing })]));
}

/** @param {HTMLButtonElement} control @param {string} text */
function label(control, text) {
  /** @type {HTMLElement} */ (control.querySelector(".cagent-button-text")).textContent = text;
}
