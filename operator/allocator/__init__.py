"""Level one: a snapshot in, a plan out. The theory of who is due, pure and without a clock."""
