"""Socket.IO 5 over Engine.IO 4, for Trio: a server that is an ASGI application, and the client's protocol."""
