"""The HTTP API's words about itself: OpenAPI, a page for people, a text for language models."""
