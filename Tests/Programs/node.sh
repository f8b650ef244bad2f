# SPDX-License-Identifier: Apache-2.0
#
# Node: V8's own heap beside malloc, worker threads, buffers outside the heap, zlib and crypto on libuv's pool.

tools=(node)
packages=(nodejs)
witness=(node)
limit=60

run() {
  cat >work.js <<'JS'
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const zlib = require("zlib"), crypto = require("crypto"), n = Number(process.argv[2] || 1000);
if (isMainThread) {
  const workers = [0, 1, 2, 3, 4, 5].map((seed) => new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: seed, argv: [String(n)] });
    worker.on("message", resolve).on("error", reject);
  }));
  const packed = Array.from({ length: 40 }, (_, i) => new Promise((resolve, reject) => {
    const data = Buffer.alloc(100000 + i * 997, "text " + i);
    zlib.deflate(data, (error, out) => error ? reject(error) : zlib.inflate(out, (error, back) =>
      error ? reject(error) : back.equals(data)
        ? crypto.pbkdf2("p" + i, "salt", 200, 32, "sha256", (error, key) =>
          error ? reject(error) : resolve(key.toString("hex"))) : reject(new Error("round trip"))));
  }));
  Promise.all([...workers, ...packed]).then((all) => {
    console.log(crypto.createHash("sha256").update(JSON.stringify(all)).digest("hex"));
    const map = new Map();
    for (let i = 0; i < n * 20; i++) map.set("k" + (i * 7919) % 10007, { i, s: "x".repeat(i % 50) });
    console.log(map.size, JSON.stringify([...map]).length);
  });
} else {
  const buffers = [];
  let hash = crypto.createHash("sha1");
  for (let i = 0; i < n; i++) {
    buffers.push(Buffer.allocUnsafeSlow(64 + (i * 131) % 20000).fill(workerData + i));
    if (i % 3 == 0) hash.update(buffers.splice((i * 7) % buffers.length, 1)[0]);
  }
  for (const buffer of buffers) hash.update(buffer);
  parentPort.postMessage(hash.digest("hex"));
}
JS
  under 60 node work.js "$(pick 10000 2000)"
  under 60 node --jitless -e 'let s = 0; for (let i = 0; i < 100000; i++) s += [...("" + i)].length; console.log(s)'
}
