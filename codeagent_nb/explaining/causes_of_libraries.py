"""Causes that lie in what libraries have changed or expect: pandas 3, NumPy 2, scikit-learn, matplotlib. Pure."""

from codeagent_nb.explaining.cause import Cause, of_names

REMOVED_FROM_PANDAS = {
    "append": "It was removed: `pd.concat([a, b], ignore_index=True)`; of a row `pd.DataFrame([row])`.",
    "iteritems": "It is now `items()`.",
    "ix": "Use `.loc[label]`, or `.iloc[position]`.",
    "mad": "It was removed: `(x - x.mean()).abs().mean()`.",
    "applymap": "It is now `map(function)`.",
    "as_matrix": "It is now `to_numpy()`.",
    "get_value": "It is now `.at[row, column]`.",
    "set_value": "It is now `.at[row, column] = value`.",
    "lookup": "It was removed: take the values one by one with `.at[row, column]`.",
    "pad": "It is now `ffill()`.",
    "backfill": "It is now `bfill()`.",
    "sort": "It is now `sort_values(column)`, or `sort_index()`.",
    "is_monotonic": "It is now `is_monotonic_increasing`.",
}

NOT_IN_PANDAS = {
    "datetime": "Use `import datetime`, or `pd.Timestamp`.",
    "np": "Use `import numpy as np`.",
    "Panel": "It was removed: use a DataFrame with a MultiIndex.",
    "rolling_mean": "It is now `x.rolling(2).mean()`.",
    "Int64Index": "It is now `pd.Index(values, dtype='int64')`.",
    "Float64Index": "It is now `pd.Index(values, dtype='float64')`.",
    "TimeGrouper": "It is now `pd.Grouper(freq=...)`.",
}

KEYWORDS_OF_PANDAS = {
    r"fillna\(\) got an unexpected keyword argument 'method'": "It is now `.ffill()`, or `.bfill()`.",
    r"(?P<f>\w+)\(\) got an unexpected keyword argument 'level'": "It is now `.groupby(level=...).{f}()`.",
    r"groupby\(\) got an unexpected keyword argument 'axis'": "Transpose the table instead: `df.T.groupby(...)`.",
    r"rolling\(\) got an unexpected keyword argument 'axis'": "Transpose the table instead: `df.T.rolling(...)`.",
    r"read_csv\(\) got an unexpected keyword argument '(?:error|warn)_bad_lines'": "It is now `on_bad_lines='skip'`.",
    r"read_csv\(\) got an unexpected keyword argument 'squeeze'": "Call `.squeeze('columns')` on what it returns.",
    r"read_\w+\(\) got an unexpected keyword argument 'delim_whitespace'": r"It is now `sep=r'\s+'`.",
    r"got an unexpected keyword argument '(?:infer_datetime_format|date_parser)'": (
        "Leave it out, and convert afterwards: `pd.to_datetime(df[column])`."
    ),
    r"to_csv\(\) got an unexpected keyword argument 'line_terminator'": "It is now `lineterminator`.",
    r"describe\(\) got an unexpected keyword argument 'datetime_is_numeric'": "Leave it out: it is always so now.",
    r"DataFrame\.(?P<f>\w+)\(\) takes (?:from \d+ to )?\d+ positional arguments? but": (
        "Name the arguments: `drop(columns=...)`, `pivot(index=..., columns=..., values=...)`."
    ),
    r"^concat\(\) takes 1 positional argument": "Put the tables in a list: `pd.concat([a, b])`.",
}

OF_ONE_COLUMN = r"year|month|day|hour|minute|second|weekday|dayofweek|date|time|days|quarter|day_name|strftime"
OF_TEXTS = r"lower|upper|strip|lstrip|rstrip|split|contains|startswith|endswith|title|capitalize|zfill|extract|match"
OF_A_PLOT = r"plot|bar|barh|hist|scatter|pie|boxplot|set_title|set_xlabel|set_ylabel|imshow"
OF_ARRAYS = r"mean|sum|std|var|min|max|shape|reshape|astype|tolist|dtype|cumsum"
OF_TABLES = r"value_counts|head|tail|columns|iloc|loc|groupby|isnull|isna|fillna|dropna|describe|unique|values|plot"

OF_PANDAS = (
    *of_names("AttributeError", r"^'(?:DataFrame|Series|Index)' object has no attribute 'NAME'$", REMOVED_FROM_PANDAS),
    *of_names("AttributeError", r"^module 'pandas' has no attribute 'NAME'", NOT_IN_PANDAS),
    *(Cause("TypeError", message, remedy) for message, remedy in KEYWORDS_OF_PANDAS.items()),
    Cause(
        "AttributeError",
        rf"^'Series' object has no attribute '(?P<name>{OF_ONE_COLUMN})'",
        "Of a column of dates it is `.dt.{name}`; make dates of texts with `pd.to_datetime(x)` first.",
    ),
    Cause(
        "AttributeError",
        rf"^'Series' object has no attribute '(?P<name>{OF_TEXTS})'",
        "Of a column it is `.str.{name}`, each time: `x.str.strip().str.lower()`.",
    ),
    Cause("AttributeError", r"object has no attribute 'week(?:ofyear)?'", "It is now `.isocalendar().week`."),
    Cause(
        "AttributeError",
        "^'Series' object has no attribute 'reshape'",
        "Use a table of one column, `df[['a']]`, or `x.to_numpy().reshape(-1, 1)`.",
    ),
    Cause(
        "AttributeError",
        "^'DataFrame' object has no attribute '(?P<name>unique|tolist|to_list|str|dt|cat|reshape|between)'",
        "A table has no `{name}`, its columns have: `df['column'].{name}`.",
    ),
    Cause(
        "AttributeError",
        "^'Series' object has no attribute '(?P<name>columns|set_index|iterrows|pivot|melt|select_dtypes)'",
        "It is one column, and only tables have `{name}`: `x.to_frame()`, or `x.reset_index()`.",
    ),
    Cause("AttributeError", "^Can only use .str accessor", "The values are no text: `x.astype(str).str...`."),
    Cause("AttributeError", "^Can only use .dt accessor", "The values are no dates yet: `pd.to_datetime(x).dt...`."),
    Cause("AttributeError", "^Can only use .cat accessor", "It is no category yet: `x.astype('category').cat...`."),
    Cause(
        "AttributeError",
        "^'NoneType' object has no attribute '(?P<name>(?!group)\\w+)'",
        "It is None: a method with `inplace=True`, and `list.sort()`, change their object and return None.",
        source=r"inplace\s*=\s*True|\.sort\(\)|\.append\(|\.info\(\)|\.update\(|\.extend\(",
    ),
    Cause(
        "TypeError",
        r"cannot unpack non-iterable (?:numpy\.)?float(?:64)? object",
        "`corr` gives one number and no p-value: `r = a.corr(b)`; for both `scipy.stats.pearsonr(a, b)`.",
        source=r"corr",
    ),
    Cause(
        "IndexError",
        "^invalid index to scalar variable",
        "`corr` gives one number and no p-value: `r = a.corr(b)`; for both `scipy.stats.pearsonr(a, b)`.",
        source=r"corr",
    ),
    Cause(
        "ValueError",
        "^The truth value of a (?:Series|DataFrame|Index) is ambiguous",
        "Combine conditions with `&`, `|`, `~`, each in brackets: `df[(df['a'] > 1) & (df['b'] < 2)]`; for one answer "
        "use `.any()` or `.all()`.",
    ),
    Cause(
        "ValueError",
        "^The truth value of an array with more than one element is ambiguous",
        "Combine conditions with `&` and `|`, each in brackets; for one answer use `.any()` or `.all()`.",
    ),
    Cause("TypeError", "^Index does not support mutable", "Rename columns: `df = df.rename(columns={{old: new}})`."),
    Cause(
        "ValueError",
        "^cannot insert (?P<column>.+), already exists",
        "There is a column {column} already: `reset_index(drop=True)`, or rename one of them.",
    ),
    Cause(
        "TypeError",
        "^'(?P<kind>Series|DataFrame|Index|RangeIndex|tuple|numpy.ndarray)' object is not callable",
        "It is no function: write `.shape`, `.columns`, `.index`, `.dtypes`, `.values` without brackets.",
        source=r"\.(?:shape|columns|index|dtypes|values|size|T)\(",
    ),
    Cause(
        "TypeError",
        "^'(?P<kind>Series|DataFrame)' object is not callable",
        "Columns are named in square brackets: `df['a']`.",
    ),
    Cause("ImportError", "^cannot import name 'json_normalize'", "It is now `pd.json_normalize`."),
    Cause(
        "ParserError",
        r"^Error tokenizing data\. C error: Expected (?P<fields>\d+) fields in line (?P<line>\d+), saw",
        "Line {line} has more fields than the ones before: pass the separator (`sep=';'`), skip lines above the header "
        "(`skiprows=`), or broken ones (`on_bad_lines='skip'`).",
    ),
    Cause("EmptyDataError", "", "The file is empty, or its first lines are: look at it with `open(name).read(500)`."),
    Cause(
        "ValueError",
        "^Excel file format cannot be determined",
        "It is no Excel file, whatever its name: try `pd.read_csv`.",
    ),
    Cause("ArrowInvalid", "Parquet magic bytes not found", "It is no Parquet file, whatever its name: look into it."),
    Cause("ValueError", "^Trailing data", "Each line is a JSON value: `pd.read_json(name, lines=True)`."),
    Cause(
        "OSError",
        "^Cannot save file into a non-existent directory: '(?P<folder>[^']*)'",
        "There is no folder {folder}: save the file in the current folder, or make it with `os.makedirs`.",
    ),
)

REMOVED_FROM_NUMPY = {
    **{name: f"It is Python's own `{name}`." for name in ("float", "int", "object", "str")},
    "float_": "It is now `np.float64`.",
    "complex_": "It is now `np.complex128`.",
    "unicode_": "It is now `np.str_`.",
    "string_": "It is now `np.bytes_`.",
    **dict.fromkeys(("Inf", "infty"), "It is now `np.inf`."),
    **dict.fromkeys(("NaN", "NAN"), "It is now `np.nan`."),
    "product": "It is now `np.prod`.",
    "cumproduct": "It is now `np.cumprod`.",
    "alltrue": "It is now `np.all`.",
    "sometrue": "It is now `np.any`.",
    "in1d": "It is now `np.isin`.",
    "trapz": "It is now `np.trapezoid`.",
    "asfarray": "It is now `np.asarray(x, dtype=float)`.",
    "msort": "It is now `np.sort(x, axis=0)`.",
    "round_": "It is now `np.round`.",
    "math": "Use `import math`.",
}

OF_NUMPY = (
    *of_names("AttributeError", r"^(?:module 'numpy' has no attribute 'NAME'|`np\.NAME` was rem)", REMOVED_FROM_NUMPY),
    Cause("AttributeError", "^'numpy.ndarray' object has no attribute 'append'", "It is `np.append(array, value)`."),
    Cause(
        "AttributeError",
        rf"^'numpy.ndarray' object has no attribute '(?P<name>{OF_A_PLOT})'",
        "`plt.subplots` with rows and columns gives an array of axes: `axes[0, 0].{name}(...)`, or `axes.flat[0]`.",
        source=r"ax",
    ),
    Cause(
        "AttributeError",
        rf"^'numpy.ndarray' object has no attribute '(?P<name>{OF_TABLES})'",
        "An array has no `{name}`: `pd.Series(x).{name}`, of more columns `pd.DataFrame(x)`.",
    ),
    Cause(
        "AttributeError",
        rf"^'list' object has no attribute '(?P<name>{OF_ARRAYS}|{OF_TABLES})'",
        "A list has no `{name}`: make `np.array(x)` or `pd.Series(x)` of it first.",
    ),
    Cause(
        "IndexError",
        "^only integers, slices",
        "An array has no names for its columns: use numbers, or the table it was made of.",
    ),
    Cause("LinAlgError", "^Singular matrix", "It has no inverse: `np.linalg.pinv(a)`, or `np.linalg.lstsq(a, b)`."),
)

OF_SCIKIT_LEARN = (
    Cause(
        "ValueError",
        "^Input (?:X |y )?contains NaN",
        "Missing values must go first: `df.dropna()` on the columns used, for X and y together, or `SimpleImputer`.",
    ),
    Cause("ValueError", "^Input (?:X |y )?contains infinity", "Replace them: `X.replace([np.inf, -np.inf], np.nan)`."),
    Cause(
        "ValueError",
        "^Expected (?:2D array, got|a 2-dimensional container but got)",
        "X is a table, even of one column: `df[['a']]`, or `x.reshape(-1, 1)` of an array.",
    ),
    Cause(
        "ValueError",
        r"^Found input variables with inconsistent numbers of samples: \[(?P<numbers>[\d, ]+)\]",
        "They have {numbers} rows: drop missing values from the whole table, then take X and y from it.",
    ),
    Cause("NotFittedError", "", "Call `.fit(X, y)` first, on the same object."),
    Cause(
        "ValueError",
        "^The feature names should match",
        "Use the same columns in the same order as for `fit`: `X_new = X_new[X.columns]`.",
    ),
    Cause(
        "ValueError",
        r"^X has (?P<has>\d+) features, but \w+ is expecting (?P<needs>\d+)",
        "It was fitted with {needs} columns and is given {has}: prepare both in the same way.",
    ),
    Cause("ValueError", "^Unknown label type: continuous", "The target is a number: use a regressor, no classifier."),
    Cause("ValueError", "the data contains only one class", "All rows have one class: nothing can be told apart."),
    Cause(
        "ValueError",
        "^y contains previously unseen labels|^Found unknown categories",
        "Fit it on all values, or use `OneHotEncoder(handle_unknown='ignore')`.",
    ),
    Cause("TypeError", "unexpected keyword argument 'sparse'", "It is now `sparse_output`."),
    Cause("TypeError", "unexpected keyword argument 'squared'", "Use `root_mean_squared_error`."),
    Cause("TypeError", "unexpected keyword argument 'normalize'", "Scale before: `StandardScaler().fit_transform(X)`."),
    Cause("TypeError", "unexpected keyword argument 'multi_class'", "Leave it out."),
    Cause("TypeError", "unexpected keyword argument 'affinity'", "It is now `metric`."),
    Cause("AttributeError", "has no attribute 'get_feature_names'", "It is now `get_feature_names_out()`."),
    Cause("InvalidParameterError", "'max_features' .* Got 'auto'", "It is now `max_features='sqrt'`."),
    Cause("ImportError", "^cannot import name 'Imputer'", "It is `from sklearn.impute import SimpleImputer`."),
    Cause("ModuleNotFoundError", "'sklearn.cross_validation'", "It is now `sklearn.model_selection`."),
    Cause("ImportError", "`load_boston` has been removed", "It was removed: use another data set."),
    Cause(
        "ImportError",
        "^cannot import name 'plot_confusion_matrix'",
        "It is now `ConfusionMatrixDisplay.from_estimator(model, X, y)`.",
    ),
    Cause("ValueError", "^Classification metrics can't handle a mix", "Predictions are numbers: use `r2_score`."),
)

OF_PLOTS = (
    Cause("OSError", "^'(?P<style>seaborn[\\w-]*)' is not a valid package style", "It is now 'seaborn-v0_8'."),
    Cause("AttributeError", "'matplotlib.cm' has no attribute 'get_cmap'", "Use `matplotlib.colormaps['viridis']`."),
    Cause(
        "AttributeError", "^'Figure' object has no attribute", "Draw on axes: `fig, ax = plt.subplots()`, `ax.plot()`."
    ),
    Cause("TypeError", r"^plot\(\) got an unexpected keyword argument '[xy]'", "Pass x and y without names."),
    Cause("TypeError", r"^boxplot\(\) got an unexpected keyword argument 'labels'", "It is now `tick_labels`."),
    Cause(
        "TypeError", "got multiple values for argument 'data'", "Name them: `x='a', y='b', data=df`.", source=r"sns\."
    ),
    Cause("ValueError", "is not a valid value for loc", "Use 'best', 'upper right', 'lower left' and the like."),
)
