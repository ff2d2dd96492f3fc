"""Components of the Component Model, wrapped so that nothing of the host is within their reach."""
