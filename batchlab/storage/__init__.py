"""Blobs in containers, wherever fsspec reaches: a folder, memory, S3, Azure Blob Storage ...

`locations` says where a lab keeps its data, `filesystems` opens it, `containers` reads and writes
it, `faults` says what went wrong. `downloads` is about resource files, `patterns` and `uploads`
choose output files and send them off, `conventions` names what the file-conventions store keeps.
Nodes and notebooks use the same code and never send data through the scheduler. fsspec is imported
when data is first touched.
"""
