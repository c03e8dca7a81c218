// A quick start with @azure/batch, to be run by node where that package is: URL ACCOUNT KEY.
const assert = require("assert");
const { BatchServiceClient, BatchSharedKeyCredentials } = require("@azure/batch");

const [url, account, key] = process.argv.slice(2);
const client = new BatchServiceClient(new BatchSharedKeyCredentials(account, key), url);

async function until(met) {
  const end = Date.now() + 60000;
  while (!(await met())) {
    assert(Date.now() < end, "it never came true");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function main() {
  await client.pool.add({
    id: "js", vmSize: "standard_d2s_v3", targetDedicatedNodes: 1,
    virtualMachineConfiguration: {
      imageReference: { publisher: "canonical", offer: "ubuntu", sku: "22_04" },
      nodeAgentSKUId: "batch.node.ubuntu 22.04",
    },
  });
  assert.equal((await client.pool.exists("js")).body, true);
  await until(async () => (await client.computeNode.list("js"))[0]?.state === "idle");
  await client.job.add({ id: "js", poolInfo: { poolId: "js" } });
  await client.task.addCollection("js", [
    { id: "a b", commandLine: "true" },
    { id: "a", commandLine: "/bin/sh -c 'echo hello'" },
  ]).then((added) => assert.deepEqual(
    added.value.map((one) => one.status), ["clienterror", "Success"]));
  await until(async () => (await client.task.get("js", "a")).state === "completed");
  assert.equal((await client.task.get("js", "a")).executionInfo.exitCode, 0);
  const file = await client.file.getFromTask("js", "a", "stdout.txt");
  const pieces = [];
  for await (const piece of file.readableStreamBody) pieces.push(piece);
  assert.equal(Buffer.concat(pieces).toString(), "hello\n");
  await assert.rejects(client.job.get("other"), (error) => error.code === "JobNotFound");
  await client.job.deleteMethod("js");
  await client.pool.deleteMethod("js");
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
