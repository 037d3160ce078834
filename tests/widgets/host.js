// A small host: the official AppBridge and the official MCP client, in one page, over a running agala server.
// What a "model" calls carries the conversation's id; what a widget calls goes on as it came, without `_meta`.

import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const ALL = { serverTools: {}, openLinks: {}, message: { text: {} }, updateModelContext: { text: {} } };
const log = { messages: [], told: [], links: [], sizes: [], calls: [], violations: [] };
window.log = log;
let client;

window.connect = async (url, conversation) => {
  client = new Client({ name: "test-host", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  window.model = (name, args = {}) =>
    client.callTool({ name, arguments: args, _meta: conversation ? { "openai/session": conversation } : {} });
};

/** Mount the widget of a tool beside its answer, as a host does. */
window.mount = async ({ tool, args = {}, width = 420, without = [], context = {}, result = null, quirk = {} }) => {
  const { tools } = await client.listTools();
  const uri = quirk.uri ?? tools.find((one) => one.name === tool)._meta.ui.resourceUri;
  const { contents: [content] } = await client.readResource({ uri });
  result ??= await window.model(tool, args);
  const capabilities = { ...ALL };
  for (const name of without) delete capabilities[name];

  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.style.cssText = `width:${width}px;height:60px;border:0;display:block`;
  document.body.replaceChildren(frame);
  const bridge = new AppBridge(
    capabilities.serverTools ? client : null, { name: "test-host", version: "1" }, capabilities,
    { hostContext: { theme: "light", locale: "en", displayMode: "inline", ...context } },
  );
  window.bridge = bridge;
  bridge.onmessage = async ({ content }) => { log.messages.push(content[0].text); return {}; };
  bridge.onopenlink = async ({ url }) => { log.links.push(url); return {}; };
  bridge.onupdatemodelcontext = async ({ content }) => { log.told.push(content[0].text); return {}; };
  bridge.onsizechange = ({ height }) => { log.sizes.push(height); if (height) frame.style.height = `${height}px`; };
  const forward = bridge.oncalltool;
  const ready = new Promise((resolve) => { bridge.oninitialized = resolve; });
  window.addEventListener("message", ({ data }) => { if (data?.method === "tools/call") log.calls.push(data.params); });
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.srcdoc = content.text.replace("<head>", `<head><meta http-equiv="Content-Security-Policy" content="${policy(content._meta.ui.csp)}">`);
  await within(ready);
  await bridge.sendToolInput({ arguments: args });
  await bridge.sendToolResult(result);
  // Posted, and not heard yet: the widget is on this thread too.
  const sentAt = performance.timeOrigin + performance.now();
  return { uri, meta: content._meta, mimeType: content.mimeType, sentAt };
};

/** A widget that never comes up is a failure, not a wait without end. */
function within(promise) {
  const late = new Promise((_, reject) => { setTimeout(() => reject(new Error("the widget didn't initialize")), 10_000); });
  return Promise.race([promise, late]);
}

/** What hosts make of a resource's domains: the specification's table. */
function policy({ resourceDomains = [], connectDomains = [] }) {
  const from = resourceDomains.join(" ");
  return [
    "default-src 'none'", `script-src 'unsafe-inline' ${from}`, `style-src 'unsafe-inline' ${from}`,
    `img-src data: ${from}`, `connect-src ${connectDomains.join(" ") || "'none'"}`, "frame-src 'none'", "base-uri 'none'",
  ].join("; ");
}
