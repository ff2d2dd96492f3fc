"""Components, and what stands around them."""
