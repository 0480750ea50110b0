"""The command `entresol`: starts the operator, and shows what a running one says."""
