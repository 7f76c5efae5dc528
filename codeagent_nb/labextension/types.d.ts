// What we use of JupyterLab's interfaces (4.4 to 4.6), written down here so that checking needs nothing but TypeScript.

export interface Signal<Sender, Args> {
  connect(slot: (sender: Sender, args: Args) => void): boolean;
}

export interface Output {
  output_type: string;
  [key: string]: any;
}

/** A cell of nbformat 4.5. */
export interface CellNode {
  id: string;
  cell_type: string;
  source: string | string[];
  metadata?: Record<string, any>;
  outputs?: Output[];
  execution_count?: number | null;
}

/** A cell of the shared document, below the models (@jupyter/ydoc). */
export interface SharedCell {
  readonly id: string;
  readonly source: string;
  readonly execution_count?: number | null;
  readonly executionState?: string;
  readonly changed: Signal<SharedCell, { sourceChange?: unknown }>;
  getMetadata(key: string): any;
  updateSource(start: number, end: number, value: string): void;
  transact(change: () => void, undoable?: boolean): void;
}

/** Of Yjs. */
export interface UndoManager {
  readonly undoStack: object[];
  lastChange: number;
  captureTimeout: number;
  stopCapturing(): void;
}

export interface SharedNotebook {
  readonly cells: SharedCell[];
  readonly undoManager: UndoManager;
  readonly nbformat: number;
  /** Set without a trace in the undo manager. */
  nbformat_minor: number;
  insertCells(index: number, cells: Partial<CellNode>[]): void;
  deleteCell(index: number): void;
  transact(change: () => void, undoable?: boolean): void;
}

export interface OutputModel {
  toJSON(): Output;
}

export interface OutputAreaModel {
  readonly length: number;
  get(index: number): OutputModel;
  add(output: Output): number;
  set(index: number, output: Output): void;
  fromJSON(outputs: Output[]): void;
  toJSON(): Output[];
  dispose(): void;
}

interface BaseCellModel {
  readonly id: string;
  readonly sharedModel: SharedCell;
  readonly metadataChanged: Signal<CellModel, { key: string }>;
  getMetadata(key: string): any;
  setMetadata(key: string, value: any): void;
  deleteMetadata(key: string): void;
}

export interface CodeCellModel extends BaseCellModel {
  readonly type: "code";
  readonly outputs: OutputAreaModel;
  executionCount: number | null;
}

export interface TextCellModel extends BaseCellModel {
  readonly type: "markdown" | "raw";
}

export type CellModel = CodeCellModel | TextCellModel;

export interface NotebookModel {
  readonly sharedModel: SharedNotebook;
  readonly readOnly: boolean;
  readonly defaultKernelLanguage: string;
  readonly cells: { readonly length: number; get(index: number): CellModel; readonly changed: Signal<object, object> };
  readonly metadataChanged: Signal<NotebookModel, object>;
  readonly stateChanged: Signal<NotebookModel, { name: string }>;
}

export interface CodeEditor {
  setCursorPosition(position: { line: number; column: number }): void;
  focus(): void;
}

/** The widget of a cell. */
export interface Cell {
  readonly model: CellModel;
  readonly node: HTMLElement;
  readonly editor: CodeEditor | null;
  readonly ready: Promise<void>;
  readonly isDisposed: boolean;
  toggleClass(name: string, on: boolean): boolean;
}

/** The widget of a notebook. */
export interface Notebook {
  readonly model: NotebookModel;
  readonly widgets: readonly Cell[];
  readonly activeCell: Cell | null;
  readonly activeCellChanged: Signal<Notebook, Cell | null>;
  readonly node: HTMLElement;
  readonly outerNode: HTMLElement;
  activeCellIndex: number;
  mode: "command" | "edit";
  scrollToItem(index: number): Promise<void>;
  deselectAll(): void;
}

/** What we read of one; code in the kernel may have left out or made up any of it. */
export interface KernelMessage {
  header: { msg_id: string; msg_type: string };
  parent_header?: { msg_id?: string };
  metadata?: Record<string, any>;
  content?: Record<string, any>;
}

export interface Comm {
  onMsg: (message: KernelMessage) => void;
  onClose: (message: KernelMessage) => void;
  readonly isDisposed: boolean;
  open(data: any): unknown;
  send(data: any): void;
  close(): unknown;
}

export interface Kernel {
  readonly id: string;
  readonly clientId: string;
  /** Also of what the page sends itself. */
  readonly anyMessage: Signal<Kernel, { msg: KernelMessage; direction: "send" | "recv" }>;
  hasComm(id: string): boolean;
  createComm(target: string): Comm;
  registerCommTarget(name: string, callback: (comm: Comm, open: KernelMessage) => void): void;
  requestExecute(content: Record<string, any>): { done: Promise<{ content: Record<string, any> }> };
}

export interface SessionContext {
  readonly session: { readonly kernel: Kernel | null } | null;
  readonly kernelChanged: Signal<SessionContext, { newValue: Kernel | null }>;
  readonly statusChanged: Signal<SessionContext, string>;
}

export interface Context {
  readonly path: string;
  readonly disposed: Signal<Context, void>;
  readonly isDisposed: boolean;
  readonly isReady: boolean;
  readonly ready: Promise<void>;
  readonly model: NotebookModel;
  readonly sessionContext: SessionContext;
}

export interface Panel {
  readonly id: string;
  readonly isDisposed: boolean;
  readonly content: Notebook;
  readonly context: Context;
  readonly sessionContext: SessionContext;
}

export interface Tracker {
  readonly currentWidget: Panel | null;
  readonly widgetAdded: Signal<Tracker, Panel>;
  forEach(f: (panel: Panel) => void): void;
  find(f: (panel: Panel) => boolean): Panel | undefined;
}

export interface Commands {
  addCommand(
    id: string,
    command: {
      label: string;
      caption: string;
      icon: object;
      isEnabled: (args: any) => boolean;
      isVisible: (args: any) => boolean;
      execute: (args: any) => unknown;
    },
  ): void;
  notifyCommandChanged(id: string): void;
  /** After a command has done what it does at once. */
  readonly commandExecuted: Signal<Commands, { id: string }>;
}

export interface Palette {
  addItem(item: { command: string; category: string }): void;
}

/** A button of a notification. */
export interface Action {
  label: string;
  caption: string;
  callback: () => void;
}

/** What we take from the modules that JupyterLab shares. */
export interface Lab {
  INotebookTracker: object;
  ICommandPalette: object;
  LabIcon: new (options: { name: string; svgstr: string }) => object;
  Notification: {
    info(message: string, options: { autoClose: number; actions?: Action[] }): string;
    success(message: string, options: { autoClose: number }): string;
    warning(message: string, options: { autoClose: number }): string;
    error(message: string, options: { autoClose: number }): string;
    dismiss(id: string): void;
  };
  NotebookActions: {
    runCells(notebook: Notebook, cells: readonly Cell[], context: SessionContext): Promise<boolean>;
    readonly executed: Signal<object, { cell: Cell }>;
  };
}

export type ShareScope = Record<string, Record<string, { get(): Promise<() => any> }>>;

declare global {
  interface Window {
    _JUPYTERLAB?: Record<string, { init(scope: ShareScope): void; get(module: string): Promise<() => any> }>;
  }
}
