// The cart: lines with steppers, totals, what changed, undo, the way on to the shop.

const FEW = 6;
let whole = false;
let offers = [];
let offeredFor = "";
const rows = new Map();

const cart = basket({ draw, insist: false });
const root = document.getElementById("root");

const heading = el("h1", { tabindex: -1 });
const count = el("span", { className: "count" });
const notice = el("div", { className: "notice", hidden: true });
const list = el("ul", { className: "lines" });
const all = el("button", { type: "button", className: "quiet wide", hidden: true, onclick: () => { whole = !whole; draw(); } });
const nothing = el("div", { className: "nothing", hidden: true });
const sums = el("dl", { className: "sums" });
const onward = el("div", { className: "onward" });
const until = el("p", { className: "until" });
const foot = el("footer", {}, sums, onward, until);
root.append(
  el("header", {}, icon("cart"), heading, count), skeleton(), nothing, list, all, notice, foot,
);

function skeleton() {
  return el("div", { className: "skeleton", "aria-hidden": "true" }, ...Array.from({ length: 3 }, () => el("i")));
}

function draw() {
  const view = cart.view;
  heading.textContent = t("Your cart");
  drawNotice();
  if (!view && cart.state === "open") return;
  root.removeAttribute("aria-busy");
  root.querySelector(".skeleton")?.remove();
  const lines = cart.state === "open" ? view.lines : [];
  root.classList.toggle("settling", cart.busy);
  count.textContent = lines.length ? new Intl.NumberFormat(locale).format(view.total_quantity) : "";
  count.hidden = !lines.length;
  count.setAttribute("aria-hidden", "true");
  drawNothing(lines);
  drawLines(lines);
  drawSums(lines, view);
  if (!cart.busy) lookForOffers();
}

function drawNotice() {
  const undo = cart.undoable && cart.way === "call";
  const { text, kind } = cart.notice ?? { text: undo ? t("The cart was changed.") : "", kind: "" };
  notice.hidden = !text;
  if (!text) return keepFocus(notice);
  notice.className = `notice ${kind}`;
  let words = notice.querySelector("span");
  if (!words) { words = el("span", { dir: "auto" }); notice.append(words); }
  if (words.textContent !== text) words.textContent = text;
  const button = notice.querySelector("button");
  if (undo && !button) notice.append(el("button", { type: "button", className: "quiet", onclick: () => cart.undo() }, icon("undo"), t("Undo")));
  else if (!undo && button) { keepFocus(button); button.remove(); }
}

function drawNothing(lines) {
  nothing.hidden = Boolean(lines.length);
  if (lines.length) return;
  const [title, text] = {
    open: [t("The cart is empty"), t("What you choose in this chat comes here.")],
    expired: [t("This cart has expired"), t("Everything in it is still there for a few days.")],
    gone: [t("This cart isn't there any more"), t("Ask for a new one in the chat.")],
  }[cart.state];
  nothing.replaceChildren(icon(cart.state === "open" ? "cart" : "clock"), el("p", { className: "strong" }, title), el("p", {}, text));
  if (cart.state === "expired" && cart.way === "call") {
    nothing.append(el("button", { type: "button", className: "main", onclick: () => cart.restore() }, t("Bring it back")));
  }
}

function drawLines(lines) {
  const shown = whole ? lines : lines.slice(0, lines.length > FEW + 1 ? FEW : lines.length);
  const keep = new Set(shown.map((line) => line.product_id));
  for (const [id, row] of rows) {
    if (keep.has(id)) continue;
    const next = row.element.nextElementSibling ?? row.element.previousElementSibling;
    keepFocus(row.element, next?.querySelector("button:not([aria-disabled=true])"));
    row.element.remove();
    rows.delete(id);
  }
  shown.forEach((line, at) => {
    if (!rows.has(line.product_id)) rows.set(line.product_id, lineRow(line));
    const row = rows.get(line.product_id);
    row.draw(line);
    if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null);
  });
  list.hidden = !shown.length;
  all.hidden = lines.length === shown.length && !(whole && lines.length > FEW + 1);
  all.setAttribute("aria-expanded", String(whole));
  all.textContent = whole ? t("Show fewer") : t("Show all {count}", { count: lines.length });
}

function lineRow(first) {
  let line = first;
  const name = words_of(first.name, "h2", "name");
  const each = el("p", { className: "each" });
  const sub = el("p", { className: "sub" });
  const steps = stepper(first.name, 1, (quantity) => cart.want(line, quantity));
  const bin = el("button", { type: "button", className: "step bare", onclick: () => cart.want(line, 0) }, icon("bin"));
  const tools = el("div", { className: "tools" }, steps.element, bin);
  const only = el("p", { className: "only" });
  const element = el("li", {}, picture(first), el("div", { className: "what" }, name, each), tools, only, sub);

  function draw(now) {
    line = now;
    const quantity = cart.quantity(line.product_id);
    element.classList.toggle("away", !line.available);
    element.classList.toggle("unsure", cart.unsure(line.product_id));
    if (name.textContent !== line.name) name.textContent = line.name;
    each.replaceChildren(...eachParts(line));
    sub.replaceChildren(line.available ? price(line.subtotal.text) : "");
    tools.hidden = !cart.way;
    only.hidden = Boolean(cart.way);
    only.textContent = `× ${line.quantity}`;
    steps.show(quantity, line.available);
    bin.setAttribute("aria-label", t("Remove {product}", { product: line.name }));
  }
  return { element, draw };
}

function eachParts(line) {
  if (!line.available) return [el("span", { className: "tag bad" }, t("Not available now"))];
  const parts = [price(line.unit_price.text)];
  if (line.price_was) {
    const rose = line.unit_price.amount > line.price_was.amount;
    parts.push(" ", el("span", { className: `tag ${rose ? "warn" : "good"}` }, t("was"), " ", el("s", {}, price(line.price_was.text))));
  }
  return parts;
}

function drawSums(lines, view) {
  foot.hidden = !lines.length;
  if (!lines.length) return;
  const several = view.subtotals.length > 1;
  sums.replaceChildren(
    ...(several ? view.subtotals : []).flatMap((one) => [el("dt", {}, words_of(one.name || one.store)), el("dd", {}, price(one.subtotal.text))]),
    ...view.totals.flatMap((total) => [el("dt", { className: "total" }, t("Total")), el("dd", { className: "total" }, price(total.text))]),
  );
  drawOnward();
  until.textContent = "";
  if (view.expires_at) {
    const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: zone() }).format(new Date(view.expires_at));
    until.append(t("Before delivery and discounts."), " ", t("Kept until {date}.", { date: day }));
  }
}

function zone() {
  try { return new Intl.DateTimeFormat("en", { timeZone: host.context.timeZone }).resolvedOptions().timeZone; } catch { return undefined; }
}

function drawOnward() {
  const shown = offers.map((offer) => offer.store).join();
  if (onward.dataset.shown === shown && onward.dataset.locale === locale) return;
  Object.assign(onward.dataset, { shown, locale });
  onward.replaceChildren(...offers.map((offer) => el("button", { type: "button", className: "main", onclick: () => goOn(offer.store) }, el("span", { dir: "auto" }, offer.label), icon("out"))));
}

/** Which stores have a link: asked once the cart is shown, so that nobody waits for it. */
async function lookForOffers() {
  const stores = [...new Set(cart.view?.lines.filter((line) => line.available).map((line) => line.store))].join();
  if (!host.ready || !host.links || cart.way !== "call" || cart.state !== "open" || stores === offeredFor) return;
  offeredFor = stores;
  offers = stores ? await readOffers() : [];
  draw();
}

async function readOffers(changed = () => {}) {
  try {
    const result = await host.call("checkout_link", { cart_id: cart.id });
    if (errorOf(result)) return [];
    changed(result.structuredContent);
    return result.structuredContent.stores.filter((store) => /^(https?|mailto):/.test(store.url ?? ""));
  } catch { return []; }
}

/** Prices and stock are looked at again; if they changed, the shopper sees that before going on. */
async function goOn(store) {
  await cart.send();
  let changes = [];
  offers = await readOffers((checkout) => { changes = checkout.changes; });
  const offer = offers.find((one) => one.store === store);
  const seen = new Set(cart.view.lines.filter((line) => line.price_was || !line.available).map((line) => line.product_id));
  const unseen = changes.filter((change) => !seen.has(change.product_id));
  if (unseen.length) {
    await cart.refresh();
    cart.say(t("Prices or stock changed just now. Please look at the cart once more."), "warn");
  } else if (!offer || !(await host.open(offer.url))) {
    cart.say(t("The shop's page couldn't be opened."), "bad");
  }
  draw();
}

host.onContext = () => { for (const row of rows.values()) row.element.remove(); rows.clear(); if (host.ready || cart.view) draw(); };

host.onResult = async (result) => {
  const content = result?.structuredContent;
  const error = errorOf(result);
  const view = content?.lines ? content : error?.cart;
  if (view) {
    cart.take(view);
    const changes = content?.changes ?? (content?.change ? [content.change] : []);
    if (changes.some((one) => one.before !== one.after)) cart.undoable = { version: content.version };
    draw();
    await cart.refresh();
  } else {
    if (error?.code === "CartExpired") Object.assign(cart, { state: "expired", id: error.cart_id });
    else cart.say(textOf(result) || t("There is nothing to show here."), error ? "bad" : "");
    root.querySelector(".skeleton")?.remove();
    root.removeAttribute("aria-busy");
    draw();
  }
};

speak(document.documentElement.lang);
draw();
host.connect("cart").then(draw);
