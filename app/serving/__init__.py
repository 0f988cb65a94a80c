"""How requests come in and answers go out: uvicorn, with limits that it lacks."""
