"""Metrics, traces and logs; none of them ever contains a question, a passage, an answer or a secret."""
