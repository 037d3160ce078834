// The host around this widget: MCP Apps (SEP-1865), JSON-RPC 2.0 over postMessage with the parent window.

const PROTOCOL = "2026-01-26";
const ANSWER_MS = 30_000;

const host = {
  capabilities: {},
  context: {},
  ready: false,
  onResult: () => {},
  onInput: () => {},
  onContext: () => {},
  onLeave: async () => {},

  /** Whether the host passes tool calls on; without it buttons can only send a message. */
  get calls() { return Boolean(this.capabilities.serverTools); },
  get messages() { return Boolean(this.capabilities.message); },
  get links() { return Boolean(this.capabilities.openLinks); },

  async connect(name) {
    const answer = await request("ui/initialize", {
      protocolVersion: PROTOCOL,
      appInfo: { name: `agala-${name}`, version: "1" },
      appCapabilities: { availableDisplayModes: ["inline"] },
    });
    this.capabilities = answer.hostCapabilities ?? {};
    this.take(answer.hostContext ?? {});
    this.ready = true;
    notify("ui/notifications/initialized", {});
    watchSize();
  },

  take(context) {
    Object.assign(this.context, context);
    applyContext(this.context);
    this.onContext();
  },

  /** The result of a tool. An error of the tool is a result too; only a host that can't ask it throws. */
  call(name, args) {
    const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value != null));
    return request("tools/call", { name, arguments: given });
  },

  /** Put a message of the shopper into the chat; false if the host didn't. */
  async say(text) {
    try {
      const answer = await request("ui/message", { role: "user", content: [{ type: "text", text }] });
      return !answer?.isError;
    } catch { return false; }
  },

  async open(url) {
    try { return !(await request("ui/open-link", { url }))?.isError; } catch { return false; }
  },

  /** Tell the model what it can't see: each text takes the place of the one before. */
  tell(text) {
    if (!this.capabilities.updateModelContext) return;
    request("ui/update-model-context", { content: [{ type: "text", text }] }).catch(() => {});
  },
};

let lastId = 0;
const waiting = new Map();

function post(message) { window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*"); }

function notify(method, params) { post({ method, params }); }

function request(method, params) {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { waiting.delete(id); reject(new Error(`${method}: no answer`)); }, ANSWER_MS);
    waiting.set(id, { resolve, reject, timer });
    post({ id, method, params });
  });
}

const heard = {
  "ui/notifications/tool-input": (params) => host.onInput(params.arguments ?? {}),
  "ui/notifications/tool-result": (params) => host.onResult(params),
  "ui/notifications/tool-cancelled": () => host.onResult(null),
  "ui/notifications/host-context-changed": (params) => host.take(params),
};

const asked = {
  ping: async () => ({}),
  "ui/resource-teardown": async () => { await host.onLeave(); return {}; },
};

window.addEventListener("message", async (event) => {
  const message = event.data;
  if (event.source !== window.parent || message?.jsonrpc !== "2.0") return;
  if (message.method === undefined) {
    const waiter = waiting.get(message.id);
    if (!waiter) return;
    waiting.delete(message.id);
    clearTimeout(waiter.timer);
    if (message.error) waiter.reject(new Error(message.error.message));
    else waiter.resolve(message.result);
  } else if (message.id === undefined) {
    heard[message.method]?.(message.params ?? {});
  } else if (asked[message.method]) {
    post({ id: message.id, result: await asked[message.method](message.params ?? {}) });
  } else {
    post({ id: message.id, error: { code: -32601, message: `${message.method} isn't known here` } });
  }
});

function applyContext({ theme, styles, safeAreaInsets: inset }) {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = theme === "dark" || (theme !== "light" && dark) ? "dark" : "light";
  const font = styles?.variables?.["--font-sans"];
  if (font) root.style.setProperty("--font", font);
  if (inset) document.body.style.padding = `${inset.top}px ${inset.right}px ${inset.bottom}px ${inset.left}px`;
  const locale = host.context.locale ?? root.lang;
  speak(locale);
}

function watchSize() {
  let before = "";
  const observer = new ResizeObserver(() => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    const width = Math.ceil(document.body.getBoundingClientRect().width);
    if (before === `${width}x${height}`) return;
    before = `${width}x${height}`;
    notify("ui/notifications/size-changed", { width, height });
  });
  observer.observe(document.body);
}
