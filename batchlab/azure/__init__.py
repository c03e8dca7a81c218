"""Azure in a box: what clients need around the Batch service, on this machine.

Some clients know only tokens of Microsoft Entra, the management plane, or Azure's host names. For
them `Cloud` adds to a served lab, all on the loopback address:

* a forward proxy (`hosts`) for Azure's host names and nothing else, so that these names lead here;
* an `authority` that issues certificates for these names, and only for them;
* a token service (`identity`) for managed identities and service principals. The tokens
  (`tokens`) are good for this lab as long as it is served;
* the `management` plane: one subscription with one resource group, one Batch account and one
  storage account; pools (`arm_pools`) and applications (`arm_applications`) in the shape of Azure
  Resource Manager;
* blobs, by Azurite (`azurite`) if that is installed.

Clients are led here by environment variables alone (`variables`).
"""
