"""Level two of the built-in frameworks: in which order tasks run, and on which agent."""
