"""`python -m entresol` is the command `entresol`."""  # noqa: A005 - the folder is named operator, the package entresol

from entresol.cli.main import main

main(prog_name="entresol")
