"""Who may use the service: API keys, tokens, sessions and tenants; host names and origins."""
