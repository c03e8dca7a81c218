"""Blobs in containers, wherever fsspec reaches: a folder, memory, S3, Azure Blob Storage ...

`locations` says where a lab keeps its data, `containers` reads and writes it, `patterns` chooses
output files, `uploads` sends them off. `conventions` and `outputs` are the file-conventions store.
Nodes and notebooks use the same code and never send data through the scheduler. fsspec is imported
when data is first touched.
"""
