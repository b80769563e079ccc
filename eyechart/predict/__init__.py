"""The predict phase: what the claims need of a checkpoint, and the engine that fills the store with it."""
