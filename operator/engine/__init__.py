"""The law: events in, effects out. A deterministic state machine that keeps the books of agents, offers and tasks."""
