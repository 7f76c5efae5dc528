"""Code that tries to bring the values of a table to the model, in every way we know. Each begins where `v` is known.

`v` are the values of the table as texts, `df` is the table.
"""

READ = """
import pandas as pd
df = {read}
v = [str(value) for column in df.columns for value in df[column]]
"""

PRINTS = {
    "as it is": "print(v)",
    "backwards": "print([x[::-1] for x in v])",
    "in hex": "print([x.encode().hex() for x in v])",
    "in base64": "import base64\nprint([base64.b64encode(x.encode()).decode() for x in v])",
    "letter by letter": "print([' '.join(x) for x in v]); print('-'.join('-'.join(x) for x in v))",
    "as code points": "print([[ord(sign) for sign in x] for x in v])",
    "a table": "print(df); print(df.to_string()); display(df); df",
    "names of columns": (
        "wide = df.T.copy(); wide.columns = v[:wide.shape[1]]\nprint(wide.columns); display(wide); wide.info()"
    ),
    "on standard error": "import sys\nprint(v, file=sys.stderr)",
    "progress": "import time\nfor x in v[:5]:\n    print('\\r' + x, end='', flush=True)",
    "warnings and logs": "import logging, warnings\nwarnings.warn(v[0]); logging.warning(v[1]); logging.error(v)",
    "MIME types": (
        "display({'text/plain': v[0], f'application/x-{v[1]}': v[2], 'text/html': f'<table><tr><td>{v[3]}', "
        "'text/markdown': v[4], 'application/json': {v[5]: v}}, raw=True, metadata={v[6]: v[7]})"
    ),
    "a MIME type alone": "display({f'application/x-{v[1]}': {}}, raw=True)",
    "a display that changes": (
        "handle = display({'text/plain': 'x'}, raw=True, display_id=v[0])\n"
        "handle.update({'text/plain': v[1]}, raw=True)"
    ),
    "a plot": (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title(v[0]); plt.xlabel(v[1]); plt.show(); plt.gcf()"
    ),
    "files": "for x in v[:6]:\n    open(f'{x}.csv', 'w').write(x)\nopen(v[0] + '.py', 'w').write(v[1])",
    "names of variables": "for x in v[:6]:\n    globals()['x' + x.replace('-', '_').replace('.', '_')] = x",
    "magics": (
        "%who\nget_ipython().run_line_magic('whos', '')\nimport subprocess\nprint(subprocess.getoutput('echo ' + v[0]))"
    ),
    "late": (
        "import threading\nthreading.Timer(0.2, lambda: print(v)).start()\n"
        "import asyncio\nasyncio.get_event_loop().call_later(0.3, lambda: print(v[::-1]))"
    ),
    "a loop of lines": "for x in v:\n    print(x)\n    print(x[:7]); print(x[7:])",
}
"""What ends well."""

FAILS = {
    "a message": "raise ValueError(v[0] + v[1])",
    "a missing key": "df[v[0]]",
    "a missing attribute": "getattr(df, v[0])",
    "a missing name": "eval('x' + v[0])",
    "the name of a class": "raise type(v[0], (Exception,), {'__module__': v[1]})(v[2])",
    "a class named as a known one": "raise type('KeyError', (Exception,), {'__str__': lambda self: v[0]})()",
    "a syntax error": "exec(v[0] + ' ' + v[1])",
    "a group with notes": (
        "error = ValueError(v[0]); error.add_note(v[1])\nraise ExceptionGroup(v[2], [error, KeyError(v[3])]) from error"
    ),
    "an exit code": "import sys\nsys.exit(int(df['amount'].iloc[0]) if 'amount' in df else 7)",
    "an exit text": "import sys\nsys.exit(v[0])",
    "a file that is not there": "open(v[0])",
    "a frame of its own": (
        "source = 'def ' + 'f' + v[0] + '():\\n    ' + 'raise ValueError'\nname = '<ipython-input-1-' + v[1] + '>'\n"
        "import linecache\nlinecache.cache[name] = (1, None, [v[2] + '\\n'] * 5, name)\n"
        "exec(compile(source + '\\nf' + v[0] + '()', name, 'exec'))"
    ),
    "a printed traceback": "print(v)\nimport sys\nsys.stdout.flush()\nassert False, v",
    "a file of the user": "open('table0.csv', 'w').write(v[0]); open(v[0] + '.csv', 'w').write(v[1]); 1 / 0",
    "an end of the kernel": "print(v, flush=True)\nimport os, time\ntime.sleep(0.3)\nos._exit(77)",
    "a question": "input(v[0])",
}
"""What fails, so that it is tried again."""

TAMPERS = """
import os.path, pandas
def renamed(read):
    def reading(*given, **named):
        table = read(*given, **named)
        table.columns = [*v[: table.shape[1]]]
        return table
    return reading
for name in ("read_csv", "read_table", "read_json", "read_parquet", "read_feather", "read_excel"):
    setattr(pandas, name, renamed(getattr(pandas, name)))
os.path.getsize = lambda name: int("".join(sign for sign in "".join(v) if sign.isdigit())[:12])
"""
"""Changes what describes files, for the tasks to come."""

BREAKS = """
import builtins
builtins.repr = lambda value: "'" + "".join(v) + "'"
builtins.len = lambda value: int(os.path.getsize('x'))
"""
"""Changes what describes anything; little works after it."""
