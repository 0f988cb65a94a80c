"""Metrics and logs; neither ever holds a question, a passage, an answer or a secret."""
