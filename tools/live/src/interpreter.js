// The page's side of Python: a worker behind five calls. Which interpreter runs in the worker is
// the business of the worker's text alone.

const STOPPED = { status: "stopped", error: null };

export class Interpreter {
  /**
   * @param {object} options
   * @param {string} options.worker the worker's script, as text: a worker made from it is under
   *   the page's own security policy, and starts from the disk, too
   * @param {string[]} options.assets names of what it needs, in the manifest's words
   * @param {function(string, function(number)): Promise<ArrayBuffer>} options.load loads one of
   *   them, and says how many bytes have come
   */
  constructor({ worker, assets, load }) {
    this.script = worker;
    this.assets = assets;
    this.load = load;
    this.onOutput = () => {};
    this.onFile = () => {};
    this.files = new Map(); // that were put, or kept by a run: a restart puts them back
    this.module = null;
    this.waiting = new Map();
    this.count = 0;
  }

  /** Start Python. Resolves { ms, memory }; rejects with an Error in words for a reader. */
  async start(onProgress = () => {}) {
    const begun = performance.now();
    const needed = this.assets.filter((name) => name !== "python" || !this.module);
    const done = Object.fromEntries(needed.map((name) => [name, 0]));
    const loads = needed.map(async (name) => {
      const report = (bytes) => {
        done[name] = bytes;
        onProgress({ done: Object.values(done).reduce((sum, each) => sum + each, 0) });
      };
      return [name, await this.load(name, report)];
    });
    const assets = Object.fromEntries(await Promise.all(loads));
    this.#open();
    const files = [...this.files].map(([path, data]) => ({ path, data }));
    const transfer = Object.values(assets);
    const started = await this.#ask({ type: "start", assets, module: this.module, files }, transfer);
    this.module = started.module ?? this.module;
    return { ms: performance.now() - begun, memory: started.memory };
  }

  /** Run code. Resolves { status, error, ms, memory } whatever the code does. */
  async run(source, { name = "cell" } = {}) {
    const begun = performance.now();
    const result = await this.#ask({ type: "run", source, name });
    if (result.ended) await this.#restart();
    return { ms: performance.now() - begun, ...result };
  }

  /** End what runs, and start anew: variables are gone, files are not. */
  async interrupt() {
    for (const { resolve, type } of this.waiting.values()) if (type === "run") resolve(STOPPED);
    this.waiting.clear();
    return this.#restart();
  }

  async put(path, data) {
    this.files.set(path, data);
    await this.#ask({ type: "put", path, data });
  }

  /** Take a file away from the next start on; Python removes what it has itself. */
  forget(path) {
    this.files.delete(path);
  }

  async take(path) {
    return (await this.#ask({ type: "take", path })).data;
  }

  end() {
    this.worker?.terminate();
    this.worker = null;
  }

  #restart() {
    this.end();
    return this.start();
  }

  #open() {
    this.end();
    const address = URL.createObjectURL(new Blob([this.script], { type: "text/javascript" }));
    this.worker = new Worker(address);
    URL.revokeObjectURL(address);
    this.worker.onmessage = ({ data }) => this.#receive(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message || "the browser could not start the worker");
    };
  }

  #ask(message, transfer = []) {
    if (!this.worker) return Promise.reject(new Error("Python has not been started"));
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, type: message.type });
      this.worker.postMessage({ ...message, id }, transfer);
    });
  }

  #receive({ type, id, ...message }) {
    if (type === "output") this.onOutput(message.output);
    else if (type === "file") {
      this.files.set(message.path, message.data);
      this.onFile(message.path, message.data);
    } else {
      const asked = this.waiting.get(id);
      this.waiting.delete(id);
      if (type === "failed") asked?.reject(new Error(message.message));
      else asked?.resolve(message);
    }
  }

  #fail(message) {
    for (const { reject } of this.waiting.values()) reject(new Error(message));
    this.waiting.clear();
  }
}
