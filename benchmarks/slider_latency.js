// Times, inside the page, how long a figure takes to answer a key.
({ handle, region, picture, keys }) => {
  const RUN = 10; // keys in one direction, then as many back
  const node = document.querySelectorAll(handle.selector)[handle.index];
  const area = document.querySelector(region);
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  let redrawn = []; // when the figure had changed
  let frames = new Map(); // each frame with a change in it -> when it had been painted
  let waiting = null;
  let shown = picture ? area.querySelector("img").src : null;

  const spoken = ({ target, attributeName }) =>
    attributeName?.startsWith("aria-") ||
    (target.nodeType === Node.TEXT_NODE ? target.parentElement : target)?.closest("[role=status]");

  const observer = new MutationObserver(async (records) => {
    if (picture) {
      const image = area.querySelector("img");
      if (!image || image.src === shown) return;
      shown = image.src;
      await image.decode().catch(() => {});
      if (image.src !== shown) return; // a newer one came meanwhile
    } else if (records.every(spoken)) {
      return; // what a screen reader is told comes later, on purpose
    }
    const at = performance.now();
    redrawn.push(at);
    waiting?.(at);
    requestAnimationFrame((frame) => {
      // a task that follows the frame's callbacks runs when the frame has been laid out and painted
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => frames.set(frame, performance.now());
      port2.postMessage(null);
    });
  });
  observer.observe(area, { subtree: true, childList: true, attributes: true, characterData: true });

  let sent = 0;
  function send() {
    const key = keys[Math.floor(sent / RUN) % 2];
    sent += 1;
    const at = performance.now();
    node.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    return at;
  }

  /** Wait until nothing has changed for `ms`. */
  async function rest(ms) {
    for (let seen = -1; seen !== redrawn.length; ) {
      seen = redrawn.length;
      await sleep(ms);
    }
  }

  /** Milliseconds from each of `count` keys to the redrawn figure and to the painted frame. */
  async function press(count, { pause = 60, patience = 5000 } = {}) {
    node.focus();
    const times = [];
    for (let i = 0; i < count; i += 1) {
      await rest(pause + 17 * Math.random()); // at no fixed place within a frame
      frames = new Map();
      const changed = new Promise((done) => (waiting = done));
      const start = send();
      const at = await Promise.race([changed, sleep(patience)]);
      waiting = null;
      if (at === undefined) return null;
      while (!frames.size) await sleep(1);
      times.push([at - start, [...frames.values()][0] - start]);
    }
    return times;
  }

  /** Send `count` keys at `rate` per second: the frames that showed a change, and the lag at the end. */
  async function stream(count, rate) {
    node.focus();
    await rest(300);
    redrawn = [];
    frames = new Map();
    const start = performance.now();
    for (let i = 0; i < count; i += 1) {
      await sleep(Math.max(0, start + (1000 * i) / rate - performance.now()));
      send();
    }
    const due = start + (1000 * (count - 1)) / rate; // a page too busy to send it is late, too
    const late = performance.now();
    await rest(1500);
    return {
      shown: frames.size,
      seconds: (Math.max(late, redrawn.at(-1)) - start) / 1000 + 1 / rate,
      lag: Math.max(0, redrawn.at(-1) - due),
    };
  }

  /** The time between two frames that this browser keeps. */
  async function frame() {
    const at = [];
    for (let i = 0; i < 30; i += 1) at.push(await new Promise(requestAnimationFrame));
    return (at.at(-1) - at[0]) / (at.length - 1);
  }

  return { press, stream, frame };
};
