"""What `%config CodeAgent` sets: how tasks are solved in this notebook. Knows traitlets; nothing of runs."""

from typing import Any

from traitlets import Bool, CInt, Enum, Float, TraitError, Unicode, validate
from traitlets.config import Configurable


class CodeAgent(Configurable):  # type: ignore[misc]
    """Settings of the agent in this notebook; an argument of `%%agent` wins over them."""

    model = Unicode(
        "",
        help="Name of a model, `local` for the embedded one, or of a variable that holds a client; empty looks at the "
        "environment (CODEAGENT_MODEL, OPENAI_API_KEY, OPENAI_BASE_URL).",
    ).tag(config=True)
    retries = CInt(3, min=0, help="Attempts after the first.").tag(config=True)
    steps = CInt(
        0,
        min=0,
        help="How often the agent may look at an output and go on before it has to answer; 0 leaves it to what is "
        "known of the model: a small one has one step.",
    ).tag(config=True)
    timeout = Float(60.0, min=0, help="Seconds a block of code may take; 0 sets no limit.").tag(config=True)
    approval = Enum(
        ("auto", "always", "never"),
        "auto",
        help="Whether you are asked before code runs; `auto` asks unless a sandbox isolates it.",
    ).tag(config=True)
    keep = Enum(
        ("all", "final"),
        "all",
        help="What stays under the cell: all attempts, or the last one only. The saved session keeps all.",
    ).tag(config=True)
    sandbox = Enum(
        ("auto", "bubblewrap", "landlock", "none"),
        "auto",
        help="How the code is isolated; takes effect with the next session (`%agent reset`).",
    ).tag(config=True)
    limits = Unicode(
        "",
        help="How much of the machine sandboxed code may use, e.g. `memory=8GB, processes=2000, disk=50GB`; empty is "
        "what the machine bears. With the next session.",
    ).tag(config=True)
    network = Unicode(
        "none",
        help="What sandboxed code may reach: `none`, `all`, or names, e.g. `data.example.org, localhost:8123`; "
        "`pypi.org, files.pythonhosted.org` lets `%pip install` work. With the next session.",
    ).tag(config=True)
    server = Unicode(
        "",
        help="A server (Jupyter Server, gateway, JupyterHub) whose kernels run the code instead of this machine. No "
        "token belongs here: it is in CODEAGENT_SERVER_TOKEN, or asked for. Empty looks at CODEAGENT_SERVER. With the "
        "next task: it then begins with a new kernel.",
    ).tag(config=True)
    server_kernel = Unicode(
        "", help="The id of a kernel that runs on the server already: it is used as it is, and never ended."
    ).tag(config=True)
    hub_server = Unicode("", help="A named server that a JupyterHub starts; empty is your usual one.").tag(config=True)
    hub_options = Unicode(
        "", help="What a JupyterHub starts your server with, as its own form would ask, e.g. `profile=large, cpus=4`."
    ).tag(config=True)
    trusted_servers = Unicode(
        "",
        help="Servers on which code runs without being shown first, with commas, beside those of "
        "CODEAGENT_TRUSTED_SERVERS.",
    ).tag(config=True)
    budget = Unicode(
        "",
        help="What a task may use, e.g. `tokens=20000, cost=0.50, seconds=600, executions=10, output_bytes=10MB`; it "
        "ends where one of them is used up, and keeps what it has. Empty sets no limit.",
    ).tag(config=True)
    session_budget = Unicode("", help="The same for all tasks of a session together.").tag(config=True)
    price = Unicode(
        "",
        help="What the model costs, in US dollars per million tokens of prompts and of replies, e.g. `0.40/1.60`; "
        "empty is the list price.",
    ).tag(config=True)
    folder = Unicode(
        "",
        help="Where the code works and sessions are saved; empty means the notebook's folder. With the next task: it "
        "then begins with a new kernel, if the last one worked elsewhere.",
    ).tag(config=True)
    attach = Bool(
        default_value=True,
        help="Copy tables, series and arrays of this notebook, up to 50 MB, whose names stand in the task, as `-i` "
        "does, and let the model read the cells above that the task speaks of; each is said.",
    ).tag(config=True)
    privacy = Enum(
        ("", "auto", "rows", "statistics", "schema"),
        "",
        help="How much of your data a model is sent: `rows`, `statistics`, `schema`; `auto` is rows for a model on "
        "this machine, statistics elsewhere; empty is what CODEAGENT_PRIVACY or `%agent privacy` says, else auto.",
    ).tag(config=True)
    buttons = Bool(default_value=True, help="Show a Stop button, and ask for approvals with buttons.").tag(config=True)
    cells = Bool(
        default_value=True,
        help="Write code, outputs and explanations into cells of this notebook, where its front end has the extension; "
        "the panel puts them at its end.",
    ).tag(config=True)

    @validate("server", "trusted_servers")  # type: ignore[untyped-decorator]
    def _read_addresses(self, proposal: dict[str, Any]) -> str:
        from codeagent_nb.elsewhere.choice import addresses_in

        try:
            found = addresses_in(str(proposal["value"]))
            if proposal["trait"].name == "server" and len(found) > 1:
                raise TraitError("name one server")
            return ", ".join(found)
        except ValueError as error:
            raise TraitError(str(error)) from None

    @validate("limits", "network", "budget", "session_budget", "price")  # type: ignore[untyped-decorator]
    def _read(self, proposal: dict[str, Any]) -> str:
        from codeagent_nb.loop.budget import Budget
        from codeagent_nb.models.prices import Price
        from kernel_executor.limits.resource_limits import ResourceLimits  # here, for `%load_ext` is light
        from kernel_executor.network.gate import read_network

        text, name = str(proposal["value"]), proposal["trait"].name
        read = {"limits": ResourceLimits.read, "network": read_network, "price": Price.read}.get(name, Budget.read)
        try:
            if text:
                read(text)
        except ValueError as error:
            raise TraitError(str(error)) from error
        return text
