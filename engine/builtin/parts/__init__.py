"""The parts that built-in components are made of; none of these is a component."""
