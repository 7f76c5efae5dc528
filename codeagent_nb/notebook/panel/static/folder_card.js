// @ts-check
// The card that asks which folder or files the agent may see. Sends what was chosen; the kernel decides what that means.

/** @typedef {{ id: string, title: string, why: string, own: string, files: { name: string, size: string }[],
 *   named: number, folders: string[], error: string }} FolderFields */

/** @param {FolderFields} first @param {(message: Record<string, any>) => void} send @returns {CardView} */
function folderCard(first, send) {
  const group = `cagent-folder-${first.id}`;
  const boxes = first.files.map(({ name, size }, at) => {
    const box = h("input", { type: "checkbox", value: name, checked: at < first.named, onchange: () => choose("files") });
    return { box, row: h("label", { class: "cagent-file" }, box, h("span", { class: "cagent-file-name", text: name, title: name }),
      h("span", { class: "cagent-muted", text: size })) };
  });
  const list = `${group}-list`;
  const path = h("input", { type: "text", class: "cagent-field", list, placeholder: "e.g. projects/penguins", "aria-label": "Folder",
    autocomplete: "off", spellcheck: "false", oninput: () => choose("path"),
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && go() });
  const known = h("datalist", { id: list }, ...first.folders.map((name) => h("option", { value: name })));
  /** @type {Record<string, HTMLInputElement>} */
  const radios = {};
  /** @param {string} name @param {string} text @param {(HTMLElement | false)[]} more */
  const way = (name, text, ...more) => {
    radios[name] = h("input", { type: "radio", name: group, value: name, onchange: () => show() });
    return h("div", { class: "cagent-choice" }, h("label", {}, radios[name], h("span", { text })), ...more);
  };
  const more = h("div", { class: "cagent-files" }, ...boxes.map(({ row }) => row));
  const ways = [
    first.own && way("own", `This notebook's folder: ${first.own}`),
    boxes.length > 0 && way("files", "Only these files (they are copied into a new folder)", more),
    way("path", "One folder, with everything in it", h("div", { class: "cagent-choice-more" }, path, known)),
    way("empty", "None: it starts in a new, empty folder"),
  ];
  const error = h("div", { class: "cagent-card-error", role: "alert", hidden: true });
  const start = button({ class: "cagent-primary", icon: "check", text: "Go on", onclick: () => go() });
  const element = h("section", { class: "cagent-card", tabindex: "-1", "aria-label": first.title },
    h("div", { class: "cagent-card-head" }, h("strong", { text: first.title }), h("span", { class: "cagent-muted", text: first.why })),
    h("div", { class: "cagent-choices", role: "radiogroup", "aria-label": first.title }, ...ways), error,
    h("div", { class: "cagent-card-foot" }, start));

  /** @param {string} name */
  function choose(name) {
    if (radios[name]) radios[name].checked = true;
    show();
  }

  const chosen = () => Object.keys(radios).find((name) => radios[name].checked) ?? "";

  function show() {
    error.hidden = true;
    const way = chosen();
    const ticked = boxes.some(({ box }) => box.checked);
    start.disabled = !way || (way === "files" && !ticked) || (way === "path" && !path.value.trim());
  }

  function go() {
    if (start.disabled) return;
    const way = chosen();
    const names = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    send({ type: `folder-${way}`, names: way === "files" ? names : [], path: way === "path" ? path.value : "" });
  }

  choose(first.named ? "files" : first.own ? "own" : "");
  return { element, update: (/** @type {FolderFields} */ fields) => {
    error.textContent = fields.error;
    error.hidden = !fields.error;
  } };
}
