"""Who may ask: API keys and tenants, host names, origins."""
