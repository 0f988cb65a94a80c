"""The page people use."""
