"""Well-known causes of errors get their remedy, and nothing else gets one. The errors are real, of this environment."""

import datetime
import io
import json
import math
import os
import random
import re
import sqlite3
import sys
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from codeagent_nb.explaining.causes_of_names import INSTALLED_AS, MEANT
from codeagent_nb.explaining.remedies import CAUSES, remedy_for
from kernel_executor import FailedLine, MissingName, SeenColumn, SeenValue
from tests.support.failed_cells import line_of

mpl.use("Agg")

pytestmark = pytest.mark.filterwarnings("ignore")  # the code that fails leaves files open

MODULES = {
    "pd": pd,
    "np": np,
    "plt": plt,
    "matplotlib": mpl,
    "datetime": datetime,
    "io": io,
    "json": json,
    "math": math,
    "os": os,
    "random": random,
    "re": re,
    "sqlite3": sqlite3,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.csv").write_bytes("a,b\né,1\n".encode("latin1"))
    (tmp_path / "wide.csv").write_bytes("a,b\n1,2\n".encode("utf-16"))
    (tmp_path / "lines.json").write_text('{"a": 1}\n{"a": 2}\n')
    (tmp_path / "title.csv").write_text("Report of 2020,,,\nName,Age,City,Zip\nx,1,y,2\n")
    (tmp_path / "sales.xls").write_text("a,b")
    (tmp_path / "empty.csv").write_text("")
    return tmp_path


def names() -> dict[str, Any]:
    dates = pd.Series(pd.date_range("2020", periods=3))
    table = pd.DataFrame(
        {
            " WINDSPEED": [1.0, 2.0, np.nan],
            "Year": [3, 1, 2],
            "t": ["x", "y", "x"],
            "lists": [[1], [2], [3]],
            "population": ["5,350,380", "1", "2"],
            "price": ["$12", "$3", "$4"],
            "share": ["12 %", "3 %", "4 %"],
            "weight": ["12 kg", "3 kg", "4 kg"],
            "rate": ["1,5", "2,5", "3,5"],
            "digits": ["1", "2", "3"],
        }
    )
    return {
        **MODULES,
        "df": table,
        "n": table[[" WINDSPEED", "Year"]],
        "s": table["Year"],
        "dates": dates,
        "aware": dates.dt.tz_localize("UTC"),
        "now": datetime.datetime(2020, 1, 1),  # noqa: DTZ001
    }


TRIGGERS = [
    # names
    ("df['WINDSPEED'].mean()", "columns.str.strip()"),
    ("df[['year']]", "exactly as it is there: 'Year'"),
    ("df.YEAR", "exactly as it is there: 'Year'"),
    ("df.groupby('t').sum(numeric_only=True)['t']", ".reset_index()"),
    ("d = pd.read_csv('title.csv')\nd['Age']", "skiprows=1"),
    ("pd.read_csv('latin1.csv')", "'latin.csv'"),
    ("pd.read_json('{\"a\": 1}')", "io.StringIO"),
    ("del pd\npd.DataFrame()", "import pandas as pd"),
    ("x = true", "`True`"),
    # pandas
    ("df.append({'a': 1}, ignore_index=True)", "pd.concat"),
    ("pd.Series([1]).append(pd.Series([2]))", "pd.concat"),
    ("for k, v in df.iteritems(): pass", "items()"),
    ("df.ix[0]", ".iloc[position]"),
    ("s.mad()", ".abs().mean()"),
    ("df.applymap(str)", "map(function)"),
    ("df.as_matrix()", "to_numpy()"),
    ("df.get_value(0, 'Year')", ".at[row, column]"),
    ("df.set_value(0, 'Year', 1)", ".at[row, column] = value"),
    ("df.lookup([0], ['Year'])", ".at[row, column]"),
    ("df.pad()", "ffill()"),
    ("df.backfill()", "bfill()"),
    ("df.sort('Year')", "sort_values"),
    ("s.is_monotonic", "is_monotonic_increasing"),
    ("pd.datetime.now()", "pd.Timestamp"),
    ("pd.np.array([1])", "import numpy as np"),
    ("pd.Panel()", "MultiIndex"),
    ("pd.rolling_mean(s, 2)", ".rolling(2).mean()"),
    ("pd.Int64Index([1])", "dtype='int64'"),
    ("pd.Float64Index([1])", "dtype='float64'"),
    ("pd.TimeGrouper('D')", "pd.Grouper"),
    ("s.fillna(method='ffill')", ".ffill()"),
    ("df.sum(level=0)", ".groupby(level=...).sum()"),
    ("df.groupby('t', axis=1)", "df.T.groupby"),
    ("df.rolling(2, axis=1)", "df.T.rolling"),
    ("pd.read_csv('latin.csv', error_bad_lines=False)", "on_bad_lines='skip'"),
    ("pd.read_csv('latin.csv', squeeze=True)", ".squeeze('columns')"),
    ("pd.read_csv('latin.csv', delim_whitespace=True)", r"sep=r'\s+'"),
    ("pd.read_csv('latin.csv', date_parser=str)", "pd.to_datetime"),
    ("df.to_csv('x.csv', line_terminator='.')", "lineterminator"),
    ("df.describe(datetime_is_numeric=True)", "Leave it out"),
    ("df.drop('t', 1)", "drop(columns=...)"),
    ("df.pivot('t', 'Year', 'digits')", "pivot(index=..."),
    ("pd.concat(df, df)", "pd.concat([a, b])"),
    ("dates.year", ".dt.year"),
    ("df['t'].lower()", ".str.lower"),
    ("df['t'].str.strip().upper()", ".str.upper"),
    ("dates.dt.week", ".isocalendar().week"),
    ("s.reshape(-1, 1)", "to_numpy().reshape"),
    ("df.unique()", "df['column'].unique"),
    ("s.columns", "to_frame()"),
    ("s.str.lower()", ".astype(str)"),
    ("df['t'].dt.year", "pd.to_datetime"),
    ("df['t'].cat.codes", ".astype('category')"),
    ("df.dropna(inplace=True).head()", "return None"),
    ("r, p = s.corr(s)", "one number"),
    ("r, p = np.corrcoef(s, s)[0, 1]", "one number"),
    ("s.corr(s)[0]", "one number"),
    ("df[s > 1 and s < 3]", "each in brackets"),
    ("bool(np.array([1, 2]))", ".any()"),
    ("df.columns[0] = 'x'", "rename"),
    ("df.insert(0, 't', 1)", "There is a column t already"),
    ("df.columns()", "without brackets"),
    ("df.shape()", "without brackets"),
    ("df('t')", "square brackets"),
    ("from pandas.io.json import json_normalize", "pd.json_normalize"),
    ("pd.read_csv(io.StringIO('a,b\\n1,2\\n1,2,3\\n'))", "Line 3 has more fields"),
    ("pd.read_csv('empty.csv')", "is empty"),
    ("pd.read_excel('sales.xls')", "no Excel file"),
    ("pd.read_parquet('latin.csv')", "no Parquet file"),
    ("pd.read_json('lines.json')", "lines=True"),
    ("df.to_csv('reports/x.csv')", "There is no folder reports"),
    # NumPy
    *[(f"np.{name}(1)", f"Python's own `{name}`") for name in ("float", "int", "object", "str")],
    *[
        (f"np.{old}", f"np.{new}")
        for old, new in [
            *[("float_", "float64"), ("complex_", "complex128"), ("unicode_", "str_"), ("string_", "bytes_")],
            *[("Inf", "inf"), ("infty", "inf"), ("NaN", "nan"), ("NAN", "nan"), ("product", "prod"), ("in1d", "isin")],
            *[("cumproduct", "cumprod"), ("alltrue", "all"), ("sometrue", "any"), ("trapz", "trapezoid")],
            *[("asfarray", "asarray"), ("msort", "sort"), ("round_", "round")],
        ]
    ],
    ("np.math.sqrt(4)", "import math"),
    ("np.array([1]).append(2)", "np.append"),
    ("fig, ax = plt.subplots(2, 2)\nax[0].plot([1])", "axes[0, 0].plot"),
    ("np.array([1]).value_counts()", "pd.Series(x).value_counts"),
    ("s.tolist().mean()", "np.array(x)"),
    ("n.to_numpy()['Year']", "no names for its columns"),
    ("np.linalg.inv(np.zeros((2, 2)))", "pinv"),
    # plots
    ("plt.style.use('seaborn-whitegrid')", "seaborn-v0_8"),
    ("matplotlib.cm.get_cmap('viridis')", "matplotlib.colormaps"),
    ("plt.figure().plot([1])", "plt.subplots()"),
    ("plt.plot(x=[1], y=[2])", "without names"),
    ("plt.boxplot([1, 2], labels=['a'])", "tick_labels"),
    ("plt.legend(loc='top')", "'best'"),
    # texts
    ("df['population'].astype(float)", "df['population'].str.replace(',', '').astype(float)"),
    ("df['price'].astype(float)", "currency"),
    ("df['share'].astype(float)", "percent"),
    ("df['weight'].astype(float)", "unit"),
    ("df['rate'].astype(float)", "decimal comma"),
    ("float('5,350,380')", "with commas"),
    ("pd.to_numeric(df['population'])", "with commas"),
    ("df['population'].astype(int)", "with commas"),
    ("int('12.5')", "int(float(x))"),
    ("float('')", "errors='coerce'"),
    ("float('N/A')", "errors='coerce'"),
    ("df['t'].astype(float)", "errors='coerce'"),
    ("df[['Year', 't']].corr()", "numeric_only=True"),
    ("df['population'].mean()", "with commas"),
    ("df['price'].mean()", "currency"),
    ("df['share'] / 2", "percent"),
    ("df['weight'] > 3", "unit"),
    ("df['rate'] - 1", "decimal comma"),
    ("df['digits'].mean()", "pd.to_numeric(df['digits']"),
    ("df.groupby('t')['population'].mean()", "with commas"),
    ("df[['t', 'Year']].mean()", "numeric_only=True"),
    ("df[['t', 'Year']].groupby('t').t.mean()", "numeric_only=True"),
    ("df[['t', 'Year']].quantile(0.5)", "numeric_only=True"),
    ("np.mean(df[['t', 'Year']])", "numeric_only=True"),
    ("df['t'].mean()", "`df['t']` is text"),
    ("'a' + 1", "f-string"),
    ("x = 'a'\nx - 1", "float(x)"),
    ("df['t'].plot()", "is text"),
    ("df[df['Year'] > 1 & df['t'] == 'x']", "in brackets"),
    ("f\"{s:.2f}\"", "takes one number, and this is a Series"),
    ("'{:.2f}'.format('a')", "float(x)"),
    ("df.loc[0, 'Year'] = 'x'", ".astype(object)"),
    ("df[' WINDSPEED'].astype(int)", "Int64"),
    ("df.drop_duplicates()", "tuple(x)"),
    ("{[1]: 2}", "A list is no key"),
    # dates
    ("aware[0] - now", "tz_localize(None)"),
    ("aware > dates[0]", "tz_localize(None)"),
    ("aware - now", "tz_localize(None)"),
    ("now < datetime.datetime.now(datetime.timezone.utc)", "tz_localize(None)"),
    ("aware.dt.tz_localize('UTC')", "tz_convert"),
    ("dates.dt.tz_convert('UTC')", "tz_localize('UTC')"),
    ("pd.to_datetime(['2020-01-01T00:00+01:00', '2020-01-01T00:00+02:00'])", "utc=True"),
    ("pd.to_datetime(['01/02/2020', '13/02/2020'])", "format='mixed'"),
    ("datetime.datetime.strptime('2020-01-01', '%d/%m/%Y')", "as the text is written, '2020-01-01'"),
    ("datetime.datetime.strptime('2020-01-01 10:00', '%Y-%m-%d')", "%H:%M:%S"),
    ("pd.to_datetime(['hello'])", "errors='coerce'"),
    ("pd.date_range('2020', '2021', freq='M')", "'M' is now written 'ME'"),
    ("pd.date_range('2020', periods=3, freq='H')", "now written 'h'"),
    ("dates > datetime.date(2020, 1, 1)", "pd.Timestamp('2020-01-31')"),
    ("dates + 1", "pd.Timedelta(days=1)"),
    ("df.resample('D')", "on='d'"),
    # sizes
    ("df[['Year']].merge(pd.DataFrame({'Year': ['1']}), on='Year')", "df['Year'] = df['Year'].astype(str)"),
    ("n.join(n)", "rsuffix"),
    ("df['new'] = [1, 2]", "has 2 values and the table 3 rows"),
    ("pd.DataFrame({'a': [1, 2], 'b': [1]})", "equally long"),
    ("pd.DataFrame({'a': 1})", "pd.DataFrame([row])"),
    ("n.columns = ['a']", "There are 2 columns, and 1 names"),
    ("np.array([1, 2]) + np.array([1, 2, 3])", "different shapes, (2,) (3,)"),
    ("np.array([1, 2]).reshape(3, 3)", "2 values do not fill the shape (3,3)"),
    ("np.zeros((2, 3)) @ np.zeros((2, 3))", "b.T"),
    ("np.dot(np.zeros((2, 3)), np.zeros((2, 3)))", "b.T"),
    ("np.array([[1, 2], [3]])", "equally long"),
    ("np.concatenate([np.zeros((2, 3)), np.zeros((2, 2))])", "choose `axis=`"),
    ("plt.plot([1, 2], [1, 2, 3])", "not equally long"),
    ("plt.bar([1, 2], [1, 2, 3])", "not equally long"),
    ("pd.qcut([1, 1, 1, 1, 2], 4)", "duplicates='drop'"),
    ("np.random.choice([1, 2], 5, replace=False)", "fewer values"),
    # Python
    ("datetime.now()", "datetime.datetime.now(...)"),
    ("datetime.datetime.timedelta(days=1)", "from datetime import timedelta"),
    ("datetime(2020, 1, 1)", "from datetime import datetime"),
    ("datetime.timedelta(days=1).hours", "total_seconds()"),
    ("re.match('a', 'b').group()", "was not found"),
    ("'2020-01-01'.year", "pd.to_datetime(x).year"),
    ("json.loads(\"{'a': 1}\")", "ast.literal_eval"),
    ("json.loads('{\"a\": 1,}')", "a comma too many"),
    ("json.load(open('lines.json'))", "json.loads(line) for line in file"),
    ("json.loads('')", "empty or no JSON"),
    ("json.dumps(np.int64(1))", "JSON knows no int64"),
    ("json.loads(5)", "was read already"),
    ("pd.read_csv('latin.csv')", "cp1252"),
    ("open('wide.csv', encoding='utf-8').read()", "utf-16"),
    ("open('latin.csv', encoding='ascii').read()", "encoding='utf-8'"),
    ("def f(n): return f(n)\nf(1)", "calls itself"),
    ("1 / 0", "divisor is 0"),
    ("'abc'['a']", "text, no dict"),
    ("for row in df: row['Year']", "text, no dict"),
    ("[{'a': 1}]['a']", "x[0]['name']"),
    ("sum = 5\nsum([1])", "name of the function"),
    ("random.sample({1, 2}, 2)", "sorted(x)"),
    ("print 'x'", "print(...)"),
    ("x = “a”", "plain quotes"),
]  # fmt: skip

NESTED_QUOTES = ('d = {}\nx = f"{d["a"]}"', "other quotes")

ONE_CLASS = (
    "This solver needs samples of at least 2 classes in the data, but the data contains only one class: np.int64(1)"
)
MAX_FEATURES = (
    "The 'max_features' parameter of RandomForestClassifier must be an int in the range [1, inf), a float in the range "
    "(0.0, 1.0], a str among {'sqrt', 'log2'} or None. Got 'auto' instead."
)

ELSEWHERE = [
    ("ImportError", "`Import lxml` failed.  Use pip, conda, or your preferred package management tool", "(lxml)"),
    ("ValueError", "Input X contains NaN.\nLinearRegression does not accept missing values", "dropna()"),
    ("ValueError", "Input y contains NaN.", "dropna()"),
    ("ValueError", "Input X contains infinity or a value too large for dtype('float64').", "np.inf"),
    ("ValueError", "Expected 2D array, got 1D array instead:\narray=[1 2 3].", "df[['a']]"),
    ("ValueError", "Expected a 2-dimensional container but got <class 'pandas.Series'> instead.", "df[['a']]"),
    ("ValueError", "Found input variables with inconsistent numbers of samples: [2, 3]", "have 2, 3 rows"),
    ("NotFittedError", "This LinearRegression instance is not fitted yet.", ".fit(X, y)"),
    ("ValueError", "The feature names should match those that were passed during fit.", "same columns"),
    ("ValueError", "X has 2 features, but LinearRegression is expecting 1 features as input.", "with 1 columns"),
    ("ValueError", "Unknown label type: continuous. Maybe you are trying to fit a classifier", "regressor"),
    ("ValueError", ONE_CLASS, "one class"),
    ("ValueError", "y contains previously unseen labels: np.str_('b')", "handle_unknown"),
    ("ValueError", "Found unknown categories ['b'] in column 0 during transform", "handle_unknown"),
    ("TypeError", "OneHotEncoder.__init__() got an unexpected keyword argument 'sparse'", "sparse_output"),
    ("TypeError", "got an unexpected keyword argument 'squared'", "root_mean_squared_error"),
    ("TypeError", "LinearRegression.__init__() got an unexpected keyword argument 'normalize'", "StandardScaler"),
    ("TypeError", "LogisticRegression.__init__() got an unexpected keyword argument 'multi_class'", "Leave it out"),
    ("TypeError", "AgglomerativeClustering.__init__() got an unexpected keyword argument 'affinity'", "metric"),
    ("AttributeError", "'OneHotEncoder' object has no attribute 'get_feature_names'", "get_feature_names_out"),
    ("InvalidParameterError", MAX_FEATURES, "sqrt"),
    ("ImportError", "cannot import name 'Imputer' from 'sklearn.preprocessing' (/x.py)", "SimpleImputer"),
    ("ModuleNotFoundError", "No module named 'sklearn.cross_validation'", "model_selection"),
    ("ImportError", "\n`load_boston` has been removed from scikit-learn since version 1.2.", "another data set"),
    ("ImportError", "cannot import name 'plot_confusion_matrix' from 'sklearn.metrics' (/x.py)", "from_estimator"),
    ("ValueError", "Classification metrics can't handle a mix of binary and continuous targets", "r2_score"),
]  # fmt: skip
"""What scikit-learn 1.9.1 says, which is not installed here, and pandas without another package."""


@cache
def failing(code: str) -> FailedLine:
    return line_of(code, **names())


today = pytest.mark.skipif(
    int(pd.__version__.partition(".")[0]) < 3 or int(np.__version__.partition(".")[0]) < 2,
    reason="what fails with pandas 3 and NumPy 2 works with older ones",
)


@today
@pytest.mark.parametrize(("code", "words"), TRIGGERS, ids=[code for code, _ in TRIGGERS])
def test_a_well_known_cause_gets_its_remedy(code: str, words: str) -> None:
    remedy = remedy_for(failing(code))
    assert words in remedy
    assert "\n" not in remedy
    assert len(remedy) < 240


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="that is no error any more")
def test_nested_quotes_in_an_f_string_are_told() -> None:
    code, words = NESTED_QUOTES
    assert words in remedy_for(line_of(code, **names()))


@pytest.mark.parametrize(("error", "message", "words"), ELSEWHERE, ids=[message[:40] for _, message, _ in ELSEWHERE])
def test_what_libraries_say_that_are_not_here_gets_its_remedy(error: str, message: str, words: str) -> None:
    assert words in remedy_for(FailedLine(error=error, message=message))


@pytest.mark.parametrize("name", [*MEANT, "false", "null", "nan", "display"])
def test_a_name_that_code_takes_for_known_gets_its_remedy(name: str) -> None:
    assert remedy_for(line_of(f"x = {name}"))


@pytest.mark.parametrize("name", INSTALLED_AS)
def test_a_module_that_has_another_name_where_it_is_installed_gets_its_remedy(name: str) -> None:
    line = FailedLine(error="ModuleNotFoundError", message=f"No module named '{name}'")
    assert f"`{INSTALLED_AS[name]}`" in remedy_for(line)


OF_SCIKIT_LEARN = [
    ("linear_model.LinearRegression().fit([[1], [np.nan]], [1, 2])", "dropna()"),
    ("linear_model.LinearRegression().fit(pd.Series([1, 2]), [1, 2])", "df[['a']]"),
    ("linear_model.LinearRegression().fit([[1], [2]], [1, 2, 3])", "have 2, 3 rows"),
    ("linear_model.LinearRegression().fit(pd.DataFrame({'a': ['x', 'y']}), [1, 2])", "get_dummies"),
    ("linear_model.LinearRegression().predict([[1]])", ".fit(X, y)"),
    ("linear_model.LogisticRegression().fit([[1.0], [2.0]], [1.1, 2.2])", "regressor"),
    ("preprocessing.LabelEncoder().fit(['a']).transform(['b'])", "handle_unknown"),
    ("preprocessing.OneHotEncoder(sparse=False)", "sparse_output"),
    ("metrics.mean_squared_error([1], [1], squared=False)", "root_mean_squared_error"),
]


@pytest.mark.parametrize(("code", "words"), OF_SCIKIT_LEARN, ids=[code for code, _ in OF_SCIKIT_LEARN])
def test_scikit_learns_own_errors_get_their_remedy_where_it_is_installed(code: str, words: str) -> None:
    pytest.importorskip("sklearn")
    line = line_of(f"from sklearn import linear_model, metrics, preprocessing\n{code}", **names())
    assert words in remedy_for(line)


def test_a_model_that_is_given_texts_is_told_to_encode_them() -> None:
    message = "could not convert string to float: 'male'"
    assert "get_dummies" in remedy_for(FailedLine(error="ValueError", message=message, source="model.fit(X, y)"))


def test_seaborn_without_names_is_told_to_name_them() -> None:
    line = FailedLine(
        error="TypeError",
        message="barplot() got multiple values for argument 'data'",
        source="sns.barplot('t', 'b', data=df)",
    )
    assert "x='a', y='b', data=df" in remedy_for(line)


EVERYDAY = [
    "{'a': 1}['b']",
    "[1, 2][5]",
    "s.iloc[99]",
    "df['zz']",
    "df[['zz', 'yy']]",
    "df.loc[99]",
    "df.nothing_like_that",
    "np.nothing_like_that",
    "x = undefined_variable",
    "import no_such_module_at_all",
    "from math import no_such_function",
    "open('nope.log')",
    "raise ValueError('the input is bad')",
    "raise RuntimeError('stopped')",
    "raise ValueError('time data is missing')",
    "raise TypeError('expected a string to float')",
    "assert 1 == 2",
    "a, b = (1, 2, 3)",
    "a, b = 5",
    "int([1])",
    "len(5)",
    "None.attribute",
    "x = None\nx[0]",
    "'abc'.attribute",
    "1 + None",
    "def f(a): pass\nf()",
    "def f(a): pass\nf(a=1, b=2)",
    "max([])",
    "math.sqrt(-1)",
    "re.compile('(')",
    "sqlite3.connect(':memory:').execute('select * from t')",
    "x = (1,",
    "def f():\nreturn 1",
    "{1, 2}[0]",
    "for x in 5: pass",
    "5()",
    "def f():\n    print(x)\n    x = 1\nf()",
    "10.0 ** 400",
    "raise NotImplementedError",
    "next(iter([]))",
    "class A: pass\nA().value",
    "class A:\n    def __init__(self): self.total = 1\nA().sum",
    "[].index(3)",
    "dict([1])",
    "'%d' % 'a'",
    "pd.DataFrame([[1, 2]], columns=['a'])",
    "pd.concat([])",
    "df['Year'].rolling('x')",
]


@pytest.mark.parametrize("code", EVERYDAY)
def test_an_everyday_error_gets_no_remedy(code: str) -> None:
    assert remedy_for(line_of(code, **names())) == ""


@today
def test_every_row_is_the_one_for_some_error() -> None:
    lines = [failing(code) for code, _ in TRIGGERS]
    lines += [FailedLine(error=error, message=message) for error, message, _ in ELSEWHERE]
    lines += [FailedLine(error="NameError", message=f"name '{name}' is not defined") for name in MEANT]
    words = ("false", "null", "nan", "display")
    lines += [FailedLine(error="NameError", message=f"name '{name}' is not defined") for name in words]
    lines += [FailedLine(error="ModuleNotFoundError", message=f"No module named '{name}'") for name in INSTALLED_AS]
    first = {id(next((cause for cause in CAUSES if cause.remedy_for(line)), None)) for line in lines}
    rest = [cause for cause in CAUSES if id(cause) not in first]
    tested_alone = ("A model takes numbers", "Name them", "use the other quotes")
    assert [cause for cause in rest if not any(words in cause.remedy for words in tested_alone)] == []
    assert len(CAUSES) > 100


def test_what_a_message_says_is_only_repeated_in_short() -> None:
    message = "Invalid frequency: M. ValueError(\"'" + "M" * 500 + "' is no longer supported for offsets. "
    line = FailedLine(error="ValueError", message=message + "Please use 'ME' instead.\")")
    assert len(remedy_for(line)) < 120


def test_a_remedy_is_found_without_the_line() -> None:
    assert "pd.concat" in remedy_for(
        FailedLine(error="AttributeError", message="'Series' object has no attribute 'append'")
    )
    assert remedy_for(FailedLine(error="ValueError")) == ""
    assert remedy_for(FailedLine(error="KeyError", missing=(MissingName(name="{x}", of="{y}"),))) == ""


def test_a_header_in_the_second_line_is_seen_by_the_names_of_columns() -> None:
    columns = tuple(SeenColumn(f"'Unnamed: {number}'") for number in range(3))
    table = SeenValue(name="df", type="DataFrame", columns=(SeenColumn("'Report'"), *columns))
    assert "skiprows=1" in remedy_for(FailedLine(error="KeyError", message="'Age'", values=(table,)))
