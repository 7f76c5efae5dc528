"""Finds the one-line remedy for a well-known cause of an error. Pure.

Each row was made to fail with the libraries of today (pandas 3, NumPy 2, scikit-learn 1.9, matplotlib 3.11), and is
triggered in the tests. What is no error there has no row: a chained assignment only warns.
"""

from codeagent_nb.explaining import causes_of_libraries, causes_of_names, causes_of_python, causes_of_values
from codeagent_nb.explaining.cause import first_cause
from kernel_executor import FailedLine

CAUSES = (
    *causes_of_names.CAUSES,
    *causes_of_libraries.OF_PANDAS,
    *causes_of_libraries.OF_NUMPY,
    *causes_of_libraries.OF_SCIKIT_LEARN,
    *causes_of_libraries.OF_PLOTS,
    *causes_of_values.TEXTS,
    *causes_of_values.DATES,
    *causes_of_values.SHAPES,
    *causes_of_python.CAUSES,
    *causes_of_names.SPELLING,
)
"""The first that fits counts: what is special stands before what is general."""


def remedy_for(line: FailedLine) -> str:
    """Return the remedy for an error in one line; empty if its cause is none of the well-known ones."""
    return first_cause(CAUSES, line)
