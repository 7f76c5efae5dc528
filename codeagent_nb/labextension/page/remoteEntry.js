// @ts-check
// The module federation container that JupyterLab loads first: what a bundler would write, by hand.
//
// This folder must not be called `static`: Jupyter's server tells browsers to keep files of an extension's `static`
// folder for a year, because a bundler puts a hash into their names. From any other folder they are asked for again
// (`no-cache`, answered with 304), so that an upgrade never meets old files.

(() => {
  /** Modules of JupyterLab, by name and version. @type {import("../types.js").ShareScope} */
  let shared = {};

  /** There is one version of each of these in a page. @param {string} name @returns {Promise<any>} */
  async function take(name) {
    const [offer] = Object.values(shared[name] ?? {});
    if (!offer) throw new Error(`codeagent-nb: this JupyterLab does not share ${name}.`);
    return (await offer.get())();
  }

  /** @param {string} module */
  async function get(module) {
    if (module !== "./extension") throw new Error(`codeagent-nb has no module ${module}.`);
    const [{ makePlugin }, notebook, apputils, icons] = await Promise.all([
      import("./plugin.js"),
      take("@jupyterlab/notebook"),
      take("@jupyterlab/apputils"),
      take("@jupyterlab/ui-components"),
    ]);
    const plugin = makePlugin({ ...notebook, ...apputils, ...icons });
    return () => ({ __esModule: true, default: plugin });
  }

  const containers = (window._JUPYTERLAB ??= {});
  containers["codeagent-nb"] = { init: (scope) => void (shared = scope), get };
})();
