// Asks the service worker to keep this page, so that it opens without a network. A page that is
// opened from the disk, or in a window that allows no service worker, does without.

const WAIT = 60000; // ms

/** This page, the files that it has loaded so far, and the frame that it may load for an output. */
function needed(root) {
  const files = performance.getEntriesByType("resource").map((entry) => entry.name);
  const frame = new URL("_static/live/frame.html", root).href;
  return [...new Set([location.href, frame, ...files].map((address) => address.split("#")[0]))];
}

/**
 * Keep this page and those that are visited from now on. Only a reader's click may lead here.
 * @param {URL} root the folder of the book's first page
 * @param {string} version of what Python needs: with another one, all kept pages are fetched anew
 * @returns {Promise<boolean>} whether it opens without a network
 */
export async function keepForLater(root, version) {
  if (!("serviceWorker" in navigator) || !location.protocol.startsWith("http")) return false;
  try {
    await navigator.serviceWorker.register(new URL("service.js", root), { scope: root.href });
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => {
      port1.onmessage = ({ data }) => resolve(data);
      setTimeout(resolve, WAIT, false);
    });
    active.postMessage({ type: "keep", addresses: needed(root), version }, [port2]);
    return await answer;
  } catch {
    return false;
  }
}
