"""How requests come in and answers go out: uvicorn, with bounds that it does not have."""
