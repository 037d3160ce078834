// Products found: a grid to choose from, each with the honest word on how well it fits.

const root = document.getElementById("root");
const cart = basket({ draw: drawCart, insist: true });
const tiles = new Map();
let found = null;
let given = {};
let loading = false;

const heading = el("h1", { tabindex: -1 });
const about = el("p", { className: "about", dir: "auto" });
const notice = el("div", { className: "notice", hidden: true });
const nothing = el("div", { className: "nothing", hidden: true });
const grid = el("ul", { className: "grid" });
const more = el("button", { type: "button", className: "quiet wide", hidden: true, onclick: loadMore });
const bar = el("footer", { className: "bar", hidden: true });
root.append(el("header", {}, heading, about), skeleton(), nothing, grid, more, notice, bar);

function skeleton() {
  return el("div", { className: "skeleton grid", "aria-hidden": "true" }, ...Array.from({ length: 4 }, () => el("i")));
}

function draw() {
  heading.textContent = t("Products");
  if (!found) return drawCart();
  root.removeAttribute("aria-busy");
  root.querySelector(".skeleton")?.remove();
  about.replaceChildren(...aboutParts());
  drawNothing();
  found.products.forEach((product) => {
    if (tiles.has(product.product_id)) return;
    const tile = productTile(product);
    tiles.set(product.product_id, tile);
    grid.append(tile.element);
  });
  grid.hidden = !found.products.length;
  grid.classList.toggle("plain", !found.products.some((product) => product.image));
  more.hidden = !found.cursor || !(host.calls || host.messages);
  more.textContent = loading ? t("Loading…") : t("Show more");
  more.disabled = loading;
  drawCart();
}

function aboutParts() {
  const { corrected, translated, dropped } = found.applied ?? {};
  const texts = found.products.length ? [t("{shown} of {total}", { shown: found.products.length, total: found.total })] : [];
  for (const { word, taken } of corrected ?? []) texts.push(t("“{word}” was read as “{taken}”", { word, taken }));
  for (const { word, taken } of translated ?? []) texts.push(t("“{word}” was looked for as “{taken}”", { word, taken }));
  if (dropped?.length) texts.push(t("Nothing fits: {words}", { words: dropped.join(", ") }));
  return texts.map((text, at) => el("span", { className: at ? "tag" : "shown", dir: "auto" }, text));
}

function drawNothing() {
  nothing.hidden = Boolean(found.products.length);
  if (found.products.length) return;
  const meant = found.help?.did_you_mean ?? [];
  nothing.replaceChildren(
    el("p", { className: "strong" }, found.query ? words_of(t("Nothing was found for “{query}”", { query: found.query })) : t("Nothing was found")),
    el("p", {}, t("Another word or a more general one may help.")),
    meant.length && host.calls ? el("div", { className: "chips" }, ...meant.map((word) => el("button", { type: "button", className: "quiet", dir: "auto", onclick: () => look(word) }, word))) : null,
  );
}

function productTile(product) {
  const name = product.name;
  const tags = [];
  if (!product.available) tags.push(el("span", { className: "tag bad" }, t("Not available now")));
  if (product.missing?.length) tags.push(el("span", { className: "tag warn", dir: "auto" }, t("Without: {words}", { words: product.missing.join(", ") })));
  const cost = el("p", { className: "cost" }, price(product.price.text, "now"));
  if (product.list_price && product.list_price.amount > product.price.amount) cost.append(" ", el("s", { "aria-label": t("Before: {price}", { price: product.list_price.text }), role: "deletion" }, price(product.list_price.text)));
  const per = product.unit_price ? el("p", { className: "per" }, price(product.unit_price.text), " / ", el("bdi", {}, product.unit_price.unit)) : null;
  const steps = stepper(name, 0, (quantity) => cart.want(product, quantity));
  const label = el("span", {});
  const add = el("button", { type: "button", className: "add", onclick: () => {
    const focused = document.activeElement === add;
    cart.want(product, 1);
    if (focused && !steps.element.hidden) steps.more.focus();
  } }, icon("plus"), label);
  const element = el("li", { className: product.available ? "" : "away" },
    picture(product),
    el("div", { className: "what" }, words_of(name, "h2", "name"), product.brand ? words_of(product.brand, "p", "brand") : null, el("div", { className: "tags" }, ...tags)),
    el("div", { className: "costs" }, cost, per),
    el("div", { className: "buy" }, add, steps.element),
  );

  function drawTile() {
    const quantity = cart.quantity(product.product_id);
    const stepping = quantity > 0 && cart.way === "call";
    element.classList.toggle("chosen", stepping);
    element.classList.toggle("unsure", cart.unsure(product.product_id));
    label.textContent = t("Add");
    add.setAttribute("aria-label", t("Add: {product}", { product: name }));
    add.disabled = !product.available || !cart.way || (found.cart_id && host.calls && !cart.view);
    const leaving = !stepping && steps.element.contains(document.activeElement);
    add.hidden = stepping;
    steps.element.hidden = !stepping;
    if (leaving) add.focus();
    steps.show(quantity, product.available);
  }
  return { element, draw: drawTile };
}

function drawCart() {
  for (const tile of tiles.values()) tile.draw();
  drawNotice();
  const view = cart.view;
  bar.hidden = !view?.lines.length;
  if (bar.hidden) return;
  const pieces = new Intl.NumberFormat(locale).format(view.total_quantity);
  bar.replaceChildren(icon("cart"), el("span", {}, t("In the cart: {count}", { count: pieces })), ...view.totals.map((total) => price(total.text, "total")));
  root.classList.toggle("settling", cart.busy);
}

function drawNotice() {
  const { text, kind } = cart.notice ?? { text: "", kind: "" };
  notice.hidden = !text;
  notice.className = `notice ${kind}`;
  const shown = el("span", { dir: "auto" }, text);
  const undo = cart.undoable && cart.way === "call" ? el("button", { type: "button", className: "quiet", onclick: () => cart.undo() }, icon("undo"), t("Undo")) : null;
  notice.replaceChildren(shown, ...(undo ? [undo] : []));
}

async function loadMore() {
  if (!host.calls) { await host.say(plain(t("Please show me more of these products."))); return; }
  const last = grid.lastElementChild;
  await page({ ...given, query: given.query ?? found.query, cursor: found.cursor, cart_id: cart.id });
  last?.nextElementSibling?.querySelector("button:not([disabled])")?.focus();
}

async function look(word) {
  given = { query: word };
  found = { ...found, products: [] };
  await page({ query: word, cart_id: cart.id });
  heading.focus();
}

async function page(args) {
  loading = true;
  draw();
  try {
    const result = await host.call("search_products", args);
    const error = errorOf(result);
    if (error) { cart.say(error.message, "bad"); found.cursor = null; }
    else {
      found = { ...result.structuredContent, products: [...found.products, ...result.structuredContent.products] };
      announce(t("{shown} of {total}", { shown: found.products.length, total: found.total }));
    }
  } catch { cart.say(t("The shop can't be reached just now. Please try again."), "bad"); }
  loading = false;
  draw();
}

host.onContext = () => {
  for (const tile of tiles.values()) tile.element.remove();
  tiles.clear();
  if (host.ready || found) draw();
};
host.onInput = (args) => { given = args; };

host.onResult = async (result) => {
  const error = errorOf(result);
  if (!result?.structuredContent?.products) {
    found = { query: "", products: [], applied: {} };
    if (error) cart.say(error.message, "bad");
    return draw();
  }
  found = { ...result.structuredContent };
  cart.id = found.cart_id ?? null;
  cart.ticket = found.ticket ?? null;
  draw();
  await cart.refresh();
  // A cart that can't be read can't be filled from here: the chat can.
  if (found.cart_id && !cart.view) { cart.id = null; draw(); }
};

speak(document.documentElement.lang);
draw();
host.connect("products").then(draw);
