"""Everything that goes into or comes out of the core: inputs, outputs, questions, views."""
