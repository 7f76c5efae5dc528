"""Names of exceptions of Python and well-known libraries: one that code has made up may hold a value. Pure."""

import builtins

UNNAMED = "an error"
"""What is said of an exception of any other name."""

_OF_LIBRARIES = """
AbstractMethodError AlreadyAppliedError ArrowException ArrowInvalid ArrowKeyError ArrowMemoryError
ArrowNotImplementedError ArrowTypeError AxisError BadZipFile CalledProcessError CancelledError CatalogException
CategoricalConversionWarning ColumnNotFoundError ComputeError ConvergenceWarning DTypePromotionError DataError
DatabaseError DateParseError Empty EmptyDataError Error FutureWarning HTTPError IncompatibilityWarning IndexingError
IntegrityError InterfaceError InvalidIndexError InvalidOperation InvalidOperationError InvalidVersion JSONDecodeError
LinAlgError LossySetitemError MergeError ModelError NoBufferPresent NoDataError NotFittedError NullFrequencyError
NumExprClobberingError OperationalError OptionError OutOfBoundsDatetime OutOfBoundsError OutOfBoundsTimedelta
ParserError ParserException PerformanceWarning PicklingError ProgrammingError SSLError SchemaError
SchemaFieldNotFoundError SettingWithCopyError ShapeError SpecificationError StructFieldNotFoundError TimeoutExpired
URLError UndefinedVariableError UnpicklingError UnsortedIndexError UnsupportedFunctionCall ValueLabelTypeWarning
XMLSyntaxError ZoneInfoNotFoundError error gaierror
"""

KNOWN = frozenset(
    {
        *(
            name
            for name, value in vars(builtins).items()
            if isinstance(value, type) and issubclass(value, BaseException)
        ),
        *_OF_LIBRARIES.split(),
    }
)


def known_name(ename: str | None) -> str:
    """Return the name of an exception, or `UNNAMED` for one that is not known."""
    name = (ename or "").rpartition(".")[2]
    return name if name in KNOWN else UNNAMED
