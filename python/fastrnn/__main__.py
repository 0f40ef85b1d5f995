"""`python -m fastrnn` is the `fastrnn` command."""

from fastrnn.cli import main

if __name__ == "__main__":
    main()
