"""IPython's own: what a notebook's kernel keeps besides variables."""

from tests.libraries.case import Case

NOTEBOOK = [
    Case(
        name="In, Out, _, execution_count",
        setup="40 + 2",
        change="1 + 1",
        check="""
ip = get_ipython()
assert Out[1] == 42 == _ and In[1] == '40 + 2' and len(In) == 3 == ip.execution_count, (Out, In)
""",
    ),
    Case(
        name="%matplotlib inline, a figure made before and drawn after",
        setup="""
%matplotlib inline
import matplotlib.pyplot as plt
plt.rcParams['figure.dpi'] = 50
fig, ax = plt.subplots()
ax.plot([1, 2])
plt.close(fig)
""",
        change="ax.clear(); plt.rcParams['figure.dpi'] = 99",
        check="""
import io
assert len(ax.lines) == 1 and plt.rcParams["figure.dpi"] == 50 and "inline" in plt.get_backend()
ax.plot([2, 3])
fig.savefig(io.BytesIO())
plt.plot([1, 2]); plt.show()
""",
    ),
    Case(
        name="magics: %%bash, !command, %%capture, %timeit",
        setup="""
get_ipython().run_cell_magic('bash', '', 'echo x')
out = !echo y
x = 1
""",
        change="x = 2",
        check="""
assert out == ["y"] and x == 1
get_ipython().run_cell_magic("bash", "--out said", "echo x")
assert said == "x\\n"
z = !echo z
assert z == ["z"]
""",
    ),
    Case(
        name="ipywidgets: a slider that is displayed",
        setup="""
import ipywidgets
from IPython.display import display
s = ipywidgets.IntSlider(3)
seen = []
s.observe(lambda c: seen.append(c.new), 'value')
display(s)
""",
        change="s.value = 9",
        check="""
from ipykernel.kernelbase import Kernel
assert s.value == 3 and seen == []
s.value = 5
assert seen == [5] and s.comm.kernel is Kernel.instance()
""",
    ),
    Case(
        name="display handles that are updated",
        setup="""
from IPython.display import display
h = display('first', display_id=True)
""",
        check="h.update('second')",
    ),
    Case(
        name="warnings, sys.path, os.environ, the working folder, imports",
        setup="""
import os, sys, warnings, colorsys
sys.path.append('/x'); os.environ['A'] = '1'; os.makedirs('d', exist_ok=True); os.chdir('d')
""",
        change="""
sys.path.remove('/x'); del os.environ['A']; os.chdir('..'); del sys.modules['colorsys']
""",
        check="""
assert '/x' in sys.path and os.environ['A'] == '1' and os.getcwd().endswith('/d') and 'colorsys' in sys.modules
""",
    ),
]
