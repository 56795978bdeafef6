// The messages between a page and its worker. An interpreter is what `start`, `run`, `put` and
// `take` of wasi.js do; pyodide.js has the same four.

/** Answer the page's messages with an interpreter. */
export function answer(interpreter) {
  const post = (message, transfer) => self.postMessage(message, transfer ?? []);
  self.onmessage = async ({ data: { type, id, ...asked } }) => {
    try {
      if (type === "start") post({ type: "done", id, ...await interpreter.start(asked, post) });
      else if (type === "run") post({ type: "done", id, ...await interpreter.run(asked) });
      else if (type === "put") post({ type: "done", id, ...interpreter.put(asked.path, asked.data) });
      else if (type === "take") post({ type: "done", id, data: interpreter.take(asked.path) });
      else throw new Error(`unknown message ${type}`);
    } catch (error) {
      post({ type: "failed", id, message: String(error?.message ?? error) });
    }
  };
}

const decoder = new TextDecoder();

/**
 * Take a message that page.py wrote in one piece: a line of JSON, then bytes. Outputs go to the page;
 * what became of a cell is returned, and nothing else is.
 */
export function receive(message, post) {
  const cut = message.indexOf(10);
  const head = JSON.parse(decoder.decode(message.subarray(0, cut)));
  if (head.type === "result") return head;
  if (head.type === "image") {
    const data = message.slice(cut + 1);
    post({ type: "output", output: { ...head, data } }, [data.buffer]);
  } else post({ type: "output", output: head });
  return null;
}
