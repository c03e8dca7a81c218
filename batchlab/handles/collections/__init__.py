"""Collections of handles: a mapping by id, with filters, pages and DataFrames."""
