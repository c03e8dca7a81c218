"""Blobs in containers, on any file system of fsspec: a folder, memory, S3, Azure Blob Storage ...

`locations` describes where a lab keeps its data, `filesystems` opens it, `containers` reads and
writes it, `faults` classifies errors. `downloads` handles resource files, `patterns` and `uploads`
select and upload output files, `conventions` names the blobs of the file conventions. Nodes and
notebooks use the same code, and send data directly to the store. Only a lab on an existing cluster
that was given no store keeps its data on its host: `host_folder` serves it, and `host_filesystem`
uses it from elsewhere. fsspec is imported on first use.
"""
