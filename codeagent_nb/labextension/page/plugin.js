// @ts-check
// The plugin: the commands, and for each notebook that is opened its ear for the kernel and the marks on its cells.

import { addCommands, followButtons } from "./commands.js";
import { becomeOwn, markCells } from "./marks.js";
import { offerTakingBack } from "./offer.js";
import { listen, tasksOf } from "./pages.js";

/** @typedef {import("../types.js").Commands} Commands */
/** @typedef {import("../types.js").Lab} Lab */
/** @typedef {import("../types.js").Palette} Palette */
/** @typedef {import("../types.js").Panel} Panel */
/** @typedef {import("../types.js").Tracker} Tracker */

/** @param {Lab} lab */
export function makePlugin(lab) {
  return {
    id: "codeagent-nb:plugin", // also the name of the schema with the toolbars' buttons
    autoStart: true,
    requires: [lab.INotebookTracker],
    optional: [lab.ICommandPalette],
    /** @param {{ commands: Commands }} app @param {Tracker} tracker @param {Palette | null} palette */
    activate({ commands }, tracker, palette) {
      addStyle();
      addCommands(commands, tracker, palette, lab);
      // Words have no count: that they were run, as Run All does, is told here only.
      lab.NotebookActions.executed.connect((_, { cell }) => cell.model.type === "markdown" && becomeOwn(cell.model));
      const follow = offerTakingBack(commands, tracker, lab);
      const open = (/** @type {Panel} */ panel) => {
        listen(tracker, panel.context);
        const notify = followButtons(commands, panel);
        void panel.context.ready.then(() => {
          const tasks = tasksOf(panel.context);
          if (panel.isDisposed || !tasks) return;
          markCells(panel.content, tasks, notify);
          follow(panel);
        });
      };
      tracker.forEach(open);
      tracker.widgetAdded.connect((_, panel) => open(panel));
    },
  };
}

function addStyle() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("style.css", import.meta.url).href;
  document.head.append(link);
}
