// @ts-check
// The widgets that a cell shows.

/** @typedef {import("../types.js").CellModel} CellModel */

const WIDGET = "application/vnd.jupyter.widget-view+json";

/** Ids of their models, which are those of their comms, too. @param {CellModel} model @returns {string[]} */
export function widgetsOf(model) {
  const outputs = model.type === "code" ? model.outputs.toJSON() : [];
  return outputs.map(({ data }) => data?.[WIDGET]?.model_id).filter((id) => typeof id === "string");
}
