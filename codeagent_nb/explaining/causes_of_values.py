"""Causes that lie in values: texts that look like numbers, dates, missing values, sizes that differ. Pure."""

import re
from collections.abc import Callable
from typing import Final

from codeagent_nb.explaining.cause import TEXT_DTYPES, Cause
from kernel_executor import FailedLine

CONVERTING: Final = (
    r"(?:could not convert string to float:|invalid literal for int\(\) with base 10:|Unable to parse string)"
    r" (?:np\.str_\()?['\"]{text}['\"]"
)

CALCULATING: Final = (
    r"^Cannot perform reduction '\w+' with string dtype"
    r"|^dtype 'str' does not support operation"
    r"|^Invalid comparison between dtype=str and (?:int|float)"
    r"|^operation '\w+' not supported for dtype 'str'"
    r"|^unsupported operand type\(s\) for [-+*/%]{1,2}=?: (?:'str' and '(?:int|float|str)'|'(?:int|float)' and 'str')"
    r"|^can only concatenate str \(not \"(?:int|float)\"\) to str"
    r"|^Can only string multiply by an integer|^can't multiply sequence by non-int"
    r"|^Cannot interpolate with str dtype|^no numeric data to plot"
    r"|has no kernel matching input types \(\w*string"
    r"|cannot use method '\w+' with this dtype"
    r"|^'[<>]=?' not supported between instances of (?:'str' and '(?:int|float)'|'(?:int|float)' and 'str')"
)
"""What calculating with texts fails with."""

THOUSANDS: Final = r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"
CURRENCY: Final = r"[-+(]?\s?[$€£¥₹]\s?[\d.,]+\)?|[-+]?[\d.,]+\s?[$€£¥₹]"
PERCENT: Final = r"[-+]?[\d.,]+\s?%"
DECIMAL_COMMA: Final = r"[-+]?\d+,\d{1,2}"
UNIT: Final = r"[-+]?\d[\d.,]*\s?[A-Za-z°µ]{1,6}(?:/\w{1,4})?"
GAP: Final = r"\s*|-+|\?+|\.+|[Nn]/?[Aa]|nan|[Nn]one|[Nn]ull|NULL|[Uu]nknown|[Mm]issing"

REMEDIES: Final = {
    THOUSANDS: "The numbers are text with commas: `{text}.str.replace(',', '').astype(float)`, "
    "or `read_csv(..., thousands=',')`.",
    CURRENCY: "The numbers are text with a currency: `{text}.str.replace(r'[^\\d.-]', '', regex=True).astype(float)`.",
    PERCENT: "The numbers are text with a percent sign: `{text}.str.rstrip('% ').astype(float)`.",
    DECIMAL_COMMA: "The numbers are text with a decimal comma: `{text}.str.replace(',', '.').astype(float)`, "
    "or `read_csv(..., decimal=',')`.",
    UNIT: "The numbers are text with a unit: `{text}.str.extract(r'([-\\d.]+)')[0].astype(float)`.",
}


def _sees(pattern: str) -> Callable[[FailedLine], bool]:
    """Return a condition: that a value or column in the line begins with a text such as `pattern` describes."""
    quoted = re.compile(f"['\"](?:{pattern})['\"]")

    def sees(line: FailedLine) -> bool:
        texts = [value.examples for value in line.values if value.dtype in TEXT_DTYPES or value.type == "str"]
        texts += [(column.example,) for value in line.values for column in value.columns if column.label in line.source]
        return any(quoted.fullmatch(example) for examples in texts for example in examples)

    return sees


def _for_model(line: FailedLine) -> bool:
    return bool(re.search(r"\.(?:fit|fit_transform|predict|score)\(", line.source))


def _is_about_one_column(line: FailedLine) -> bool:
    """Return whether it is one column of text that something is calculated of."""
    columns = [value.name for value in line.values if value.type == "Series" and value.dtype in TEXT_DTYPES]
    return any(re.search(rf"{re.escape(name)}\.\w+\(", line.source) for name in columns)


COERCE = "Some of it is no number: `pd.to_numeric({text}, errors='coerce')` makes NaN of that."

TEXTS = (
    *(Cause("ValueError", CONVERTING.replace("{text}", pattern), remedy) for pattern, remedy in REMEDIES.items()),
    Cause(
        "ValueError",
        r"^invalid literal for int\(\) with base 10: ['\"][-+]?\d*\.\d+['\"]",
        "`int` takes no text with decimals: `int(float(x))`, or of a column `.astype(float)`.",
    ),
    Cause("ValueError", CONVERTING.replace("{text}", f"(?:{GAP})"), COERCE),
    Cause(
        "ValueError",
        r"could not convert string to float",
        "Text columns are in the table: choose the columns of numbers, `.corr(numeric_only=True)`.",
        source=r"\.(?:corr|cov)\(",
    ),
    Cause(
        "ValueError",
        r"could not convert string to float",
        "A model takes numbers only: encode columns of text with `pd.get_dummies(X)`, or leave them out.",
        when=_for_model,
    ),
    Cause("ValueError", r"could not convert string to float|^Unable to parse string", COERCE),
    *(
        Cause("TypeError|ArrowNotImplementedError", CALCULATING, remedy, when=_sees(pattern))
        for pattern, remedy in REMEDIES.items()
    ),
    Cause(
        "TypeError|ArrowNotImplementedError",
        CALCULATING,
        "The values are text: convert them with `pd.to_numeric({text}, errors='coerce')` first.",
        when=_sees(r"[-+]?\d*\.?\d+"),
    ),
    Cause(
        "TypeError|ArrowNotImplementedError",
        r"^Cannot perform reduction|^Could not convert (?:string )?'.*' to numeric",
        "`{text}` is text: count it, `value_counts()`, or choose a column of numbers.",
        when=_is_about_one_column,
    ),
    Cause(
        "TypeError|ArrowNotImplementedError",
        r"^Cannot perform reduction|^dtype 'str' does not|has no kernel matching input types \(\w*string|^Cannot inter"
        r"|^Could not convert (?:string )?'.*' to numeric",
        "Text columns are in it: pass `numeric_only=True`, or choose the columns of numbers first.",
    ),
    Cause(
        "TypeError",
        r"^can only concatenate str \(not \"(?:int|float)\"\) to str",
        'Join text and numbers with an f-string, `f"{{x}}"`, or `str(x)`; to calculate, use `float(x)`.',
    ),
    Cause(
        "TypeError",
        r"^operation 'r?(?:and|or|xor)_' not supported|^unsupported operand type\(s\) for [&|]: '(?:float|str|bool)",
        "Put each comparison in brackets: `(a > 1) & (b == 2)`.",
    ),
    Cause(
        "TypeError",
        CALCULATING.replace(r"|^can only concatenate str \(not \"(?:int|float)\"\) to str", ""),
        "One of the values is text: make a number of it with `float(x)`, of a column with `pd.to_numeric(x)`.",
    ),
    Cause(
        "TypeError",
        r"^unsupported format string passed to (?P<kind>Series|DataFrame|list|tuple|numpy.ndarray|NoneType)",
        "A format such as `:.2f` takes one number, and this is a {kind}: take one value out of it.",
    ),
    Cause(
        "ValueError", r"^Unknown format code '[fdeg%]' for object of type 'str'", "It is text: use `float(x)` first."
    ),
    Cause(
        "TypeError",
        r"^Invalid value '.*' for dtype '(?P<dtype>\w+)'",
        "A column of {dtype} takes no text: `{of}[column] = {of}[column].astype(object)` first, or use a new column.",
    ),
    Cause(
        "IntCastingNaNError",
        "",
        "Missing values are no integers: `.astype('Int64')`, or `.fillna(0).astype(int)` if 0 is meant.",
    ),
    Cause(
        "TypeError",
        r"unhashable type: '(?P<kind>list|dict|set)'",
        "A {kind} is no key and cannot be grouped or counted: make it `tuple(x)` or `str(x)` first.",
    ),
)

DATES = (
    Cause(
        "TypeError",
        r"tz-naive and tz-aware|offset-naive and offset-aware"
        r"|^Invalid comparison between dtype=datetime64\[\w+, [^\]]+\] and (?:Timestamp|datetime)"
        r"|^Invalid comparison between dtype=datetime64\[\w+\] and (?:Timestamp|datetime)$",
        "Only one of them has a time zone: remove it, `.dt.tz_localize(None)` of a column, `.tz_localize(None)` of one "
        "time (`.replace(tzinfo=None)` of Python's own).",
    ),
    Cause("TypeError", "^Already tz-aware", "It has a time zone already: use `tz_convert`."),
    Cause(
        "TypeError", "^Cannot convert tz-naive timestamps", "It has no time zone yet: `.dt.tz_localize('UTC')` first."
    ),
    Cause("ValueError", "^Mixed timezones detected", "Pass `utc=True` to `pd.to_datetime`."),
    Cause(
        "ValueError",
        r"^time data \"(?P<date>.*?)\" doesn't match format \"(?P<format>[^\"]*)\"",
        "The dates are written in several ways: `pd.to_datetime(x, format='mixed')`; with `dayfirst=True` if the day "
        "comes first.",
    ),
    Cause(
        "ValueError",
        r"^time data '(?P<date>.*?)' does not match format '(?P<format>[^']*)'",
        "The format must be as the text is written, '{date}': '%Y-%m-%d' fits 2020-12-31; or `pd.to_datetime(x)`.",
    ),
    Cause(
        "ValueError",
        r"^unconverted data remains",
        "The format ends before the text does: add its time, `%H:%M:%S`, or use `pd.to_datetime(x)`.",
    ),
    Cause(
        "DateParseError",
        "",
        "Not all of it are dates: `pd.to_datetime(x, errors='coerce')` makes NaT of what is none.",
    ),
    Cause(
        "ValueError",
        r"^Invalid frequency: .*'(?P<old>\w+)' is no longer supported for offsets. Please use '(?P<new>\w+)'",
        "The frequency '{old}' is now written '{new}'.",
    ),
    Cause(
        "ValueError",
        r"^Invalid frequency: .*Did you mean (?P<new>\w+)\?",
        "The frequency is now written '{new}'.",
    ),
    Cause(
        "TypeError",
        r"dtype=datetime64\[\w+\] and date$|^Cannot compare Timestamp with datetime.date",
        "Compare with `pd.Timestamp('2020-01-31')`, not with a `date`.",
    ),
    Cause(
        "TypeError",
        r"^Addition/subtraction of integers and integer-arrays with \w+ is no longer supported",
        "Add a span of time: `pd.Timedelta(days=1)`.",
    ),
    Cause(
        "TypeError",
        r"^Only valid with DatetimeIndex, TimedeltaIndex or PeriodIndex",
        "Make dates of the column and name it: `df['d'] = pd.to_datetime(df['d'])`, `df.resample('D', on='d')`.",
    ),
)

SHAPES = (
    Cause(
        "ValueError",
        r"^You are trying to merge on (?P<left>\S+) and (?P<right>\S+) columns for key '(?P<key>[^']*)'",
        "Give the key one dtype in both tables: `df['{key}'] = df['{key}'].astype(str)`.",
    ),
    Cause("ValueError", "^columns overlap but no suffix", "Use `a.merge(b, on=...)`, or `join(..., rsuffix='_2')`."),
    Cause(
        "ValueError",
        r"^Length of values \((?P<has>\d+)\) does not match length of index \((?P<rows>\d+)\)",
        "The new column has {has} values and the table {rows} rows: join them with `merge` or `map`.",
    ),
    Cause(
        "ValueError",
        "^All arrays must be of the same length",
        "Columns of one table are equally long: use `pd.concat([pd.Series(a), pd.Series(b)], axis=1)` for others.",
    ),
    Cause("ValueError", "^If using all scalar values", "Put the row in a list: `pd.DataFrame([row])`."),
    Cause(
        "ValueError",
        r"^Length mismatch: Expected axis has (?P<has>\d+) elements, new values have (?P<new>\d+)",
        "There are {has} columns, and {new} names were given: use `df.rename(columns={{old: new}})`.",
    ),
    Cause(
        "ValueError",
        r"^operands could not be broadcast together with shapes (?P<shapes>[\d(), ]+)",
        "The arrays have different shapes, {shapes}: take the same rows of both.",
    ),
    Cause(
        "ValueError",
        r"^cannot reshape array of size (?P<size>\d+) into shape (?P<shape>\([\d,]+\))",
        "{size} values do not fill the shape {shape}: let NumPy find one side, `reshape(-1, 1)`.",
    ),
    Cause(
        "ValueError",
        r"not aligned: |^matmul: Input operand 1 has a mismatch",
        "In a product of matrices the first one's columns are as many as the second one's rows: transpose one, `b.T`.",
    ),
    Cause(
        "ValueError",
        "has an inhomogeneous shape",
        "The rows are not equally long, so they are no array: keep them as a list, or fill them up.",
    ),
    Cause(
        "ValueError",
        "^all the input array dimensions except for the concatenation axis",
        "The arrays differ in another side than the one along which they are joined: choose `axis=`.",
    ),
    Cause(
        "ValueError",
        r"^x and y must (?:have same first dimension|be the same size)|^shape mismatch: objects cannot be broadcast",
        "x and y are not equally long: take both from the same table, after dropping missing values.",
    ),
    Cause("ValueError", "^Bin edges must be unique", "Pass `duplicates='drop'`."),
    Cause(
        "ValueError",
        r"^(?:Cannot take a larger sample|Sample larger than) (?:than )?population",
        "There are fewer values than the sample is to have: take fewer, or sample with replacement.",
    ),
)
"""The first that fits counts."""
