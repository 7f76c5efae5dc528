"""Top-level module names that are ours to import. Written by `tools/make_reserved_names.py`; pure data."""
# ruff: noqa: SIM905 - words are easier to compare than literals

CLOSURE = frozenset(
    """
IPython PIL annotated_doc annotated_types anyio anywidget asttokens attr attrs autogen_core certifi charset_normalizer
codeagent_nb comm contourpy cycler dateutil debugpy docker executing fastjsonschema fontTools genai_prices google h11
httpcore2 httpx2 idna ipykernel ipykernel_launcher ipython_pygments_lexers ipywidgets jedi jiter jsonref jsonschema
jsonschema_specifications jupyter jupyter_client jupyter_core jupyterlab_widgets kernel_executor kiwisolver lazy_loader
markdown_it matplotlib matplotlib_inline mdurl mpl_toolkits nbformat nest_asyncio2 nh3 numpy openai opentelemetry
packaging pandas parso pexpect platformdirs prompt_toolkit proxytypes psutil psygnal ptyprocess pure_eval pyarrow
pydantic pydantic_core pygments pylab pyparsing referencing requests rich rpds shellingham sniffio stack_data tornado
traitlets truststore typer typing_extensions typing_inspection tzdata urllib3 wcwidth widgetsnbextension xllamacpp zmq
""".split()
)
"""Of what we need, with all extras, and of what that needs in turn."""

OPTIONAL = frozenset(
    """
AppKit BeaEnginePython Carbon Cython EasyDialogs Foundation Numeric OpenGL OpenSSL PyInstaller PyQt4 PyQt5 PyQt6
PySide PySide2 PySide6 Pyside QtCore QtGui QtSvg Quartz Queue Res StringIO Tkinter __builtin__ __pypy__ _dummy_thread
_interpqueues _interpreters _manylinux _pydev_bundle _pydev_runfiles _pydevd_bundle _pydevd_bundle_ext
_pydevd_frame_eval _pydevd_frame_eval_ext _pydevd_sys_monitoring _pypy_wait _pytest _subprocess _typeshed _winreg
adbc_driver_manager add_code_to_python_process aiohttp annotation annotationlib anydbm appnope argcomplete astroid
asyncssh attach_pydevd attach_script backports black body bokeh botocore bottleneck brotli brotlicffi bs4 cPickle
cairo cairocffi capstone cerealizer cffi chardet click clr code_generators codeagent_kernel colorama compression
coverage crash cryptography ctags curio cython decorator defcon defusedxml disassemble distorm distorm3 django docrepr
docutils dotenv email_validator exceptiongroup fastparquet fqdn freetype fs fsspec gevent gguf gi glut_support
glyphsLib gobject greenlet gtk h2 html5lib httpx2_jsfetch hypothesis importlib_resources ipyparallel isoduration java
jinja2 jnius js jsonpointer jupyter_ai jupyter_ai_magics libdisassemble linkify_it lldb lxml lz4 markupsafe msgpack
msgspec munkres mypy mypy_extensions netifaces nose ntsecuritycon numarray numba numexpr numpy_distutils numpydoc odf
olefile openpyxl org orjson outcome paramiko pathops psyco py pycares pycurl pyczmq pydasm pydev_ipython pydev_pysrc
pydevconsole pydevd pydevd_file_utils pydevd_plugins pydevd_tracing pyglet pyiceberg pyodide pyperclip pyreadstat
pysqlite2 pytest python_calamine pytz pywintypes pyxlsb qtpy railroad regex reportlab rfc3339_validator
rfc3986_validator rfc3987 rfc3987_syntax scipy selenium setuptools setuptools_scm shiboken2 shiboken6 simplejson sip
sitecustomize socks socksio sounddevice sphinx sql sqlalchemy stackless sympy system tables tabulate textio thread
threadpoolctl toml tomli toolz trio twisted ufoLib2 uharfbuzz unicodedata2 uri_template uvloop value watchfiles
webcolors websocket websockets win32 win32api win32clipboard win32event win32file win32pipe win32security winappdbg
winloop wrapt wsproto wx xarray xattr xlrd xlsxwriter xmlrpclib yaml yapf zopfli zstandard
""".split()
)
"""What these import if it is there."""
