"""`python -m codeagent_nb` is `codeagent-nb`."""

from codeagent_nb.cli import main

if __name__ == "__main__":
    main()
