"""`python -m dipole`."""

from dipole.cli import main

if __name__ == "__main__":
    main()
