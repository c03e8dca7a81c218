"""Collections of handles: a mapping by id, its filters, its pages, and a frame of it."""
