"""The live driver: hands events to the engine, carries out its effects, keeps the clock."""
