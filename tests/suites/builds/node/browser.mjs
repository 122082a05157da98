// A headless Chromium, driven by the DevTools protocol over a pipe: Chromium reads messages from file descriptor 3 and
// writes them to file descriptor 4, each terminated by a zero byte. Node 20 can do this without any package.

import { execFile, spawn } from "node:child_process";
import { EventEmitter, on } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Milliseconds that the installation of Chromium may take. */
export const INSTALL_TIMEOUT = 600_000;

/** Milliseconds that a page has to write its lines. */
const PAGE_TIMEOUT = 60_000;

const SWITCHES = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--remote-debugging-pipe",
];

export class Browser {
  #process;
  #profile;
  #connection;

  /** Starts Chromium with an empty profile. Installs Chromium first if it is missing and the user is root. */
  static async start() {
    const script = fileURLToPath(new URL("chromium.sh", import.meta.url));
    const { stdout } = await promisify(execFile)("sh", [script], { timeout: INSTALL_TIMEOUT, maxBuffer: 16 << 20 });
    return new Browser(stdout.trim(), await mkdtemp(join(tmpdir(), "ordinance-chromium-")));
  }

  constructor(path, profile) {
    this.#profile = profile;
    // Detached, so that all processes of Chromium are one group, which `close` kills.
    this.#process = spawn(path, [...SWITCHES, `--user-data-dir=${profile}`, "about:blank"], {
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    const [, , , input, output] = this.#process.stdio;
    this.#connection = new Connection(input, output);
    this.#process.once("error", (error) => this.#connection.fail(error));
    this.#process.once("exit", () => this.#connection.fail(new Error("Chromium ended")));
  }

  /**
   * Opens a page and returns the first `count` lines that it writes by `console.log`. Throws if the page leaves an error
   * uncaught before that, or takes longer than a minute.
   */
  async consoleLines(url, count) {
    const { targetId } = await this.#connection.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#connection.send("Target.attachToTarget", { targetId, flatten: true });
    const [lines] = await Promise.all([this.#firstLines(sessionId, count), this.#navigate(sessionId, url)]);
    await this.#connection.send("Target.closeTarget", { targetId });
    return lines;
  }

  async #navigate(sessionId, url) {
    await this.#connection.send("Runtime.enable", {}, sessionId);
    await this.#connection.send("Log.enable", {}, sessionId);
    const { errorText } = await this.#connection.send("Page.navigate", { url }, sessionId);
    if (errorText) throw new Error(`${url}: ${errorText}`);
  }

  async #firstLines(sessionId, count) {
    const lines = [];
    const problems = [];
    const signal = AbortSignal.timeout(PAGE_TIMEOUT);
    try {
      for await (const [{ method, params }] of on(this.#connection.events, sessionId, { signal })) {
        if (method === "Runtime.exceptionThrown") throw uncaught(params.exceptionDetails);
        if (method === "Log.entryAdded") problems.push(`${params.entry.text} ${params.entry.url ?? ""}`);
        if (method === "Runtime.consoleAPICalled") (params.type === "log" ? lines : problems).push(printed(params.args));
        if (lines.length === count) return lines;
      }
    } catch (error) {
      throw new Error([error.message, ...problems, ...lines].join("\n"), { cause: error });
    }
  }

  /** Kills all processes of Chromium and deletes the profile. */
  async close() {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const closed = new Promise((resolve) => this.#process.once("close", resolve));
      process.kill(-pid, "SIGKILL");
      await closed;
    }
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** The protocol's messages: commands with their results, and events by session. */
class Connection {
  /** Emits an event of the protocol under the id of its session, and `error` once the connection has failed. */
  events = new EventEmitter();
  #input;
  #unread = "";
  #lastId = 0;
  #pending = new Map();

  constructor(input, output) {
    this.#input = input;
    // Without a listener, the emitter would throw an error that it emits.
    this.events.on("error", () => {});
    input.on("error", (error) => this.fail(error));
    output.setEncoding("utf8").on("data", (text) => this.#read(text));
  }

  /** Sends a command and returns its result. */
  send(method, params, sessionId) {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** Rejects every command without a result, and ends every iteration over events. */
  fail(error) {
    this.#pending.forEach(({ reject }) => reject(error));
    this.#pending.clear();
    this.events.emit("error", error);
  }

  #read(text) {
    const messages = `${this.#unread}${text}`.split("\0");
    this.#unread = messages.pop();
    messages.forEach((message) => this.#dispatch(JSON.parse(message)));
  }

  #dispatch({ id, sessionId, method, params, result, error }) {
    if (id === undefined) {
      this.events.emit(sessionId ?? "browser", { method, params });
      return;
    }
    const command = this.#pending.get(id);
    this.#pending.delete(id);
    if (error) command?.reject(new Error(error.message));
    else command?.resolve(result);
  }
}

function uncaught({ text, exception }) {
  return new Error(exception?.description ?? text);
}

/** The text that `console.log` shows for its arguments. */
function printed(values) {
  return values.map((argument) => argument.value ?? argument.description).join(" ");
}
