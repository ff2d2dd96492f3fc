"""Components of the Component Model, enclosed so that nothing of the host is within their reach."""
