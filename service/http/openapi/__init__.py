"""What the HTTP API says of itself: OpenAPI, a page for people, a text for language models."""
