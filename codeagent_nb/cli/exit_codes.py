"""What the exit codes of commands mean, as their help says it."""

EXIT_CODES = """\
Exit codes: 0 done · 1 no code succeeded · 2 wrong arguments, or a file that cannot be used ·
3 the code was refused or not approved · 4 the model cannot be used · 5 the kernel cannot be used · 130 interrupted."""

PROOF_EXIT_CODES = """\
Exit codes: 0 proved · 1 an output differs · 2 wrong arguments, or a notebook that cannot be replayed ·
3 no cell states a result · 5 no kernel, or no sandbox, to replay it in · 130 interrupted."""

TRIM_EXIT_CODES = """\
Exit codes: 0 written · 2 wrong arguments, a notebook that cannot be trimmed, or a file that cannot be written ·
5 no kernel, or no sandbox, to replay it in · 130 interrupted."""
