// A static file server on loopback.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves the files of a directory. Returns the URL of the directory and a function that stops the server. */
export async function serve(directory) {
  const server = createServer((request, response) => answer(directory, request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

async function answer(directory, request, response) {
  // The URL parser resolves `..`, so the path stays below the directory.
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  const path = join(directory, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
  try {
    const content = await readFile(path);
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}
