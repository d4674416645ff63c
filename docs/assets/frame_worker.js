// Search from a folder: browsers start no workers from file:// addresses, so a hidden frame does their work.
(() => {
  if (location.protocol !== "file:") return;

  class FrameWorker {
    constructor(address) {
      this.onmessage = this.onerror = null;
      const base = new URL(address, document.baseURI);
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.started = new Promise((resolve, reject) => {
        this.frame.onload = () => {
          const inside = this.frame.contentWindow;
          const load = (source) =>
            new Promise((loaded, failed) => {
              const script = inside.document.createElement("script");
              script.src = new URL(source, base);
              script.onload = loaded;
              script.onerror = failed;
              inside.document.head.append(script);
            });
          // What a worker has that a window lacks, or means otherwise.
          inside.importScripts = (...sources) => sources.reduce((done, source) => done.then(() => load(source)), Promise.resolve());
          inside.postMessage = (data) => this.onmessage && this.onmessage({ data });
          load(base).then(() => resolve(inside), reject);
        };
      });
      this.started.catch(() => this.onerror && this.onerror(new ErrorEvent("error", { cancelable: true })));
      document.documentElement.append(this.frame);
    }

    postMessage(data) {
      this.started.then((inside) => inside.onmessage && inside.onmessage({ data }));
    }

    terminate() {
      this.frame.remove();
    }
  }

  window.Worker = FrameWorker;
})();
