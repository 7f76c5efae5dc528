"""The exit codes of commands: what they mean, as help says it, and which error has which."""

from codeagent_nb.errors import (
    ApprovalRequired,
    ModelError,
    NoModelConfigured,
    PriceUnknown,
    SessionError,
    WeightsError,
)

EXIT_USAGE, EXIT_NOT_RUN, EXIT_MODEL, EXIT_KERNEL, EXIT_INTERRUPTED = 2, 3, 4, 5, 130

EXIT_CODES = """\
Exit codes: 0 done · 1 no code succeeded · 2 wrong arguments, or a file that cannot be used ·
3 the code was refused or not approved · 4 the model cannot be used · 5 the kernel cannot be used ·
6 a budget is used up · 130 interrupted."""

PROOF_EXIT_CODES = """\
Exit codes: 0 proved · 1 an output differs · 2 wrong arguments, or a notebook that cannot be replayed ·
3 no cell states a result · 5 no kernel, or no sandbox, to replay it in · 130 interrupted."""

TRIM_EXIT_CODES = """\
Exit codes: 0 written · 2 wrong arguments, a notebook that cannot be trimmed, or a file that cannot be written ·
5 no kernel, or no sandbox, to replay it in · 130 interrupted."""


def exit_code_of(error: Exception) -> int:
    """Return the exit code that tells scripts what kind of trouble it was."""
    match error:
        case ModelError() | NoModelConfigured() | WeightsError():
            return EXIT_MODEL
        case ApprovalRequired():
            return EXIT_NOT_RUN
        case PriceUnknown() | SessionError() | OSError():
            return EXIT_USAGE
        case _:
            return EXIT_KERNEL
