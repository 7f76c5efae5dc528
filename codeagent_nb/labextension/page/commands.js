// @ts-check
// The commands, in the palette and on the buttons.

import { makeIcons } from "./icons.js";
import { hasMagic, hasPackage, loadMagic, namesUsed } from "./kernel.js";
import { hasRunThere, isGenerated, isSameStep, isSameTask } from "./marks.js";
import { isFirst } from "./memory.js";
import { tasksOf } from "./pages.js";
import { keepPlace } from "./place.js";
import { errorTask, question } from "./questions.js";
import { asStep } from "./undo.js";
import { widgetsOf } from "./widgets.js";

/** @typedef {import("../types.js").Cell} Cell */
/** @typedef {import("../types.js").Commands} Commands */
/** @typedef {import("../types.js").Kernel} Kernel */
/** @typedef {import("../types.js").Lab} Lab */
/** @typedef {import("../types.js").Output} Output */
/** @typedef {import("../types.js").Palette} Palette */
/** @typedef {import("../types.js").Panel} Panel */
/** @typedef {import("../types.js").Tracker} Tracker */
/** The button in a cell says to which panel it belongs. @typedef {{ widgetId?: string }} Args */
/** `isHidden`: not shown where it cannot be done. @typedef {{ label: string, caption: string, icon: object,
 *   isHidden?: boolean, can: (panel: Panel) => boolean, run: (panel: Panel) => unknown }} Command */

const NAMES = ["open-panel", "ask-about-cell", "fix-error", "keep-step", "keep-and-run-step", "remove-step"];
const OPEN = "import codeagent_nb\ncodeagent_nb.panel()";
const MAGIC = "%agent panel";
const PANELS = [OPEN, MAGIC, "codeagent_nb.panel()"];
const LOAD = "%load_ext codeagent_nb";
const OWN_KERNEL = "The agent's code runs in your own kernel now: there it has no sandbox, and may do what you may.";
const MISSING =
  "The package codeagent-nb is not installed in this notebook's kernel: run %pip install codeagent-nb there.";

/** @param {Commands} commands @param {Tracker} tracker @param {Palette | null} palette @param {Lab} lab */
export function addCommands(commands, tracker, palette, lab) {
  const all = describeCommands(new UserActions(lab), makeIcons(lab));
  for (const name of NAMES) {
    const { label, caption, icon, run, can, isHidden } = all[name];
    const id = `codeagent-nb:${name}`;
    const isEnabled = (/** @type {Args} */ args) => {
      const panel = findPanel(tracker, args);
      return !!panel && isUsable(panel) && can(panel);
    };
    const execute = (/** @type {Args} */ args) => {
      const panel = findPanel(tracker, args);
      return panel && run(panel);
    };
    const isVisible = isHidden ? isEnabled : () => true;
    commands.addCommand(id, { label, caption, icon, isEnabled, isVisible, execute });
    palette?.addItem({ command: id, category: "Agent" });
  }
}

/** @param {UserActions} user @param {ReturnType<typeof makeIcons>} icons @returns {Record<string, Command>} */
function describeCommands(user, icons) {
  return {
    "open-panel": {
      label: "Open the Agent Panel",
      caption: "Open the agent's panel in this notebook",
      icon: icons.agent,
      can: () => true,
      run: (panel) => user.openPanel(panel),
    },
    "ask-about-cell": {
      label: "Ask the Agent About This Cell",
      caption: "Write a question about this cell",
      icon: icons.agent,
      can: (panel) => !!panel.content.activeCell,
      run: (panel) => user.askAboutCell(panel),
    },
    "fix-error": {
      label: "Fix This Error With the Agent",
      caption: "Have the agent fix this cell's error",
      icon: icons.agent,
      can: (panel) => !!errorOf(panel.content.activeCell),
      run: (panel) => user.fixError(panel),
    },
    "keep-step": {
      label: "Keep the Agent's Step",
      caption: "Keep the agent's step: its cells are yours then",
      icon: icons.keep,
      isHidden: true,
      can: isOnGenerated,
      run: keepStep,
    },
    "keep-and-run-step": {
      label: "Keep and Run the Agent's Step",
      caption:
        "Keep and run: the agent's step is yours then, and its code runs in your own kernel, after that of earlier steps",
      icon: icons.keepAndRun,
      isHidden: true,
      can: isOnGenerated,
      run: (panel) => user.keepAndRun(panel),
    },
    "remove-step": {
      label: "Remove the Agent's Step",
      caption: "Remove the agent's step",
      icon: icons.remove,
      isHidden: true,
      can: isOnGenerated,
      run: removeStep,
    },
  };
}

/** Have the buttons of a notebook follow what it is about. @param {Commands} commands @param {Panel} panel */
export function followButtons(commands, panel) {
  const notify = () => {
    for (const name of NAMES) commands.notifyCommandChanged(`codeagent-nb:${name}`);
  };
  panel.content.activeCellChanged.connect(notify);
  panel.context.model.metadataChanged.connect(notify); // the language of the kernel
  panel.context.model.stateChanged.connect((_, { name }) => name === "readOnly" && notify());
  panel.sessionContext.kernelChanged.connect(notify);
  return notify;
}

/** @param {Tracker} tracker @param {Args} args */
function findPanel(tracker, { widgetId }) {
  const named = widgetId ? tracker.find(({ id }) => id === widgetId) : undefined;
  return named ?? tracker.currentWidget;
}

/** @param {Panel} panel */
function isUsable({ context: { model }, sessionContext }) {
  return !!sessionContext.session?.kernel && model.defaultKernelLanguage === "python" && !model.readOnly;
}

/** What writes cells for the user, and runs them. */
class UserActions {
  /** @param {Lab} lab */
  constructor(lab) {
    this.lab = lab;
  }

  /** @param {Panel} panel */
  async openPanel(panel) {
    if (!(await this.checkPackage(panel))) return;
    const { content } = panel;
    const there = content.widgets.find((cell) => isUsers(cell, PANELS));
    const cell = there ?? this.insertBelow(panel, [OPEN])[0];
    goTo(panel, cell);
    if (isAlive(cell, panel)) return;
    if (isUsers(cell, [MAGIC])) await loadMagic(kernelOf(panel)); // a restart has unloaded it
    await this.run(panel, [cell]);
  }

  /** @param {Panel} panel */
  async askAboutCell(panel) {
    const { activeCell } = panel.content;
    if (!activeCell || !(await this.checkPackage(panel))) return;
    const { source } = activeCell.model.sharedModel;
    const isCode = activeCell.model.type === "code";
    const kernel = kernelOf(panel);
    const [isLoaded, names] = await Promise.all([hasMagic(kernel), isCode ? namesUsed(kernel, source) : ""]);
    const task = question(source, isCode ? "python" : "markdown", names);
    const cells = this.insertTask(panel, activeCell, task, isLoaded);
    const cell = cells[cells.length - 1];
    await this.run(panel, cells.slice(0, -1));
    goTo(panel, cell);
    panel.content.mode = "edit";
    await cell.ready;
    cell.editor?.setCursorPosition({ line: 1, column: 0 });
    cell.editor?.focus();
  }

  /** @param {Panel} panel */
  async fixError(panel) {
    const { activeCell } = panel.content;
    const error = errorOf(activeCell);
    if (!activeCell || !error || !(await this.checkPackage(panel))) return;
    const { source } = activeCell.model.sharedModel;
    const kernel = kernelOf(panel);
    const [isLoaded, names] = await Promise.all([hasMagic(kernel), namesUsed(kernel, source)]);
    const cells = this.insertTask(panel, activeCell, errorTask(source, error, names), isLoaded);
    goTo(panel, cells[cells.length - 1]);
    await this.run(panel, cells);
  }

  /** What a step's code uses may be of an earlier step, which has to run before it. @param {Panel} panel */
  async keepAndRun(panel) {
    const { activeCell, widgets } = panel.content;
    const ran = tasksOf(panel.context)?.ran ?? new Map();
    const cells = activeCell ? codeUpTo(stepOf(activeCell, widgets).at(-1) ?? activeCell, widgets, ran) : [];
    keepStep(panel);
    if (cells.length && isFirst("own-kernel")) this.lab.Notification.info(OWN_KERNEL, { autoClose: 10_000 });
    await this.run(panel, cells);
  }

  /** Gives what has to run: the cell that loads `%%agent`, if it is not loaded, and the task's own as the last.
   * @param {Panel} panel @param {Cell} below @param {string} task @param {boolean} isLoaded @returns {Cell[]} */
  insertTask(panel, below, task, isLoaded) {
    const load = isLoaded ? undefined : panel.content.widgets.find((cell) => isUsers(cell, [LOAD]));
    const cells = this.insertBelow(panel, isLoaded || load ? [task] : [LOAD, task], below);
    return load ? [load, ...cells] : cells;
  }

  /** Insert cells of code below one, as one step for undo. @param {Panel} panel @param {string[]} sources
   * @param {Cell | null} below @returns {Cell[]} */
  insertBelow({ content }, sources, below = content.activeCell) {
    const index = below ? content.widgets.indexOf(below) + 1 : content.widgets.length;
    const cells = sources.map((source) => ({ cell_type: "code", source, metadata: { trusted: true } }));
    const shared = content.model.sharedModel;
    asStep(shared, Symbol(), () => void shared.insertCells(index, cells));
    return content.widgets.slice(index, index + sources.length);
  }

  /** @param {Panel} panel @param {Cell[]} cells */
  async run({ content, sessionContext }, cells) {
    if (cells.length) await this.lab.NotebookActions.runCells(content, cells, sessionContext);
  }

  /** @param {Panel} panel */
  async checkPackage(panel) {
    const isThere = await hasPackage(kernelOf(panel));
    if (!isThere) this.lab.Notification.warning(MISSING, { autoClose: 15_000 });
    return isThere;
  }
}

/** @param {Panel} panel */
function keepStep({ content }) {
  for (const { model } of stepOf(content.activeCell, content.widgets)) {
    model.setMetadata("codeagent", { ...model.getMetadata("codeagent"), kept: true });
  }
}

/** The code of a task that has not run in the notebook's own kernel, up to the end of a step.
 * @param {Cell} last @param {readonly Cell[]} cells @param {Map<string, string>} ran */
function codeUpTo(last, cells, ran) {
  return cells
    .slice(0, cells.indexOf(last) + 1)
    .filter(({ model }) => isSameTask(model, last.model) && hasRunThere(model))
    .filter(({ model }) => ran.get(model.id) !== model.sharedModel.source);
}

/** What the user has kept or edited stays. @param {Panel} panel */
function removeStep({ content, context }) {
  const shared = content.model.sharedModel;
  const tasks = tasksOf(context);
  const models = stepOf(content.activeCell, content.widgets).map(({ model }) => model);
  const ids = models.filter((model) => isGenerated(model) && !tasks?.isEdited(model)).map(({ id }) => id);
  const key = Symbol();
  keepPlace(content, () => {
    for (const id of ids) {
      const index = shared.cells.findIndex((cell) => cell.id === id);
      asStep(shared, key, () => shared.deleteCell(index)); // one by one: see cells.js
    }
  });
}

/** @param {Cell | null} cell @param {readonly Cell[]} cells */
function stepOf(cell, cells) {
  return cell ? cells.filter(({ model }) => isSameStep(model, cell.model)) : [];
}

/** @param {Panel} panel */
function isOnGenerated({ content: { activeCell } }) {
  return !!activeCell && isGenerated(activeCell.model);
}

/** A cell with one of these texts and nothing else, and not made by the agent: what is in it is safe to run.
 * @param {Cell} cell @param {string[]} texts */
function isUsers({ model }, texts) {
  const isAgents = model.getMetadata("codeagent") !== undefined;
  return model.type === "code" && !isAgents && texts.includes(model.sharedModel.source.trim());
}

/** @param {Cell | null} cell @returns {Output | undefined} */
function errorOf(cell) {
  return outputsOf(cell).find(({ output_type }) => output_type === "error");
}

/** @param {Cell | null} cell @returns {Output[]} */
function outputsOf(cell) {
  return cell?.model.type === "code" ? cell.model.outputs.toJSON() : [];
}

/** A widget whose kernel was restarted is still seen, and does nothing. @param {Cell} cell @param {Panel} panel */
function isAlive(cell, panel) {
  return widgetsOf(cell.model).some((id) => kernelOf(panel).hasComm(id));
}

/** @param {Panel} panel @param {Cell} cell */
function goTo({ content }, cell) {
  const index = content.widgets.indexOf(cell);
  content.deselectAll();
  content.activeCellIndex = index;
  void content.scrollToItem(index).catch(() => undefined); // fails if the notebook is closed meanwhile
}

/** @param {Panel} panel @returns {Kernel} */
function kernelOf({ sessionContext }) {
  const kernel = sessionContext.session?.kernel;
  if (!kernel) throw new Error("The notebook has no kernel.");
  return kernel;
}
