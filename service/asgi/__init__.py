"""Between the socket and the routes: all that knows the insides of Hypercorn and Quart."""
