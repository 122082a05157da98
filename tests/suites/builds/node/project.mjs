// A project that installs the package as its users do: `npm ci` for the pinned tools, then the package's own tarball.

import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Milliseconds that npm may take to install the project. */
export const INSTALL_TIMEOUT = 300_000;

/** Milliseconds that any other program may take. */
const RUN_TIMEOUT = 240_000;

const QUIET = ["--ignore-scripts", "--no-audit", "--no-fund"];

export class Project {
  /** The path of the project. */
  directory;

  constructor(directory) {
    this.directory = directory;
  }

  /** Creates the project in a temporary directory and installs the package into it. */
  static async create(packageDirectory) {
    const project = new Project(await mkdtemp(join(tmpdir(), "ordinance-npm-")));
    try {
      await cp(fileURLToPath(new URL("project", import.meta.url)), project.directory, { recursive: true });
      await project.#install(packageDirectory);
    } catch (error) {
      await project.remove();
      throw error;
    }
    return project;
  }

  async #install(packageDirectory) {
    const options = { timeout: INSTALL_TIMEOUT };
    await this.run("npm", ["ci", ...QUIET], options);
    const packed = await this.run("npm", ["pack", packageDirectory, "--json", "--ignore-scripts"], options);
    const [{ filename }] = JSON.parse(packed);
    await this.run("npm", ["install", "--no-save", ...QUIET, `./${filename}`], options);
  }

  /** Runs a program in the project and returns what it writes to standard output. Throws if it fails. */
  async run(program, args, options = {}) {
    const ended = promisify(execFile)(program, args, { cwd: this.directory, timeout: RUN_TIMEOUT, ...options });
    const { stdout } = await ended.catch((error) => {
      throw new Error(`${error.message}\n${error.stdout}`, { cause: error });
    });
    return stdout;
  }

  /** Writes a file of the project. */
  write(name, text) {
    return writeFile(join(this.directory, name), text);
  }

  /** Deletes the project. */
  remove() {
    return rm(this.directory, { recursive: true, force: true });
  }
}
