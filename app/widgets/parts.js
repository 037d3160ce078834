// What both widgets are made of: words, elements, pictures, steppers. Whatever comes from a shop is only ever
// set as text or as an attribute, never as HTML.

const WORDS = JSON.parse(document.getElementById("words").textContent);
let words = {};
let locale = "en";

/** Take up the language of a BCP 47 tag: its words, and the direction of the whole layout. */
function speak(tag) {
  const wanted = String(tag || "en").replaceAll("_", "-");
  const [language] = wanted.split("-");
  const known = [wanted.replaceAll("-", "_"), language].find((name) => WORDS[name]) ?? "en";
  words = WORDS[known];
  try { [locale] = Intl.getCanonicalLocales(wanted); } catch { locale = known; }
  if (!locale.startsWith(known.split("_")[0])) locale = known.replaceAll("_", "-");
  document.documentElement.lang = locale;
  document.documentElement.dir = /^(ar|dv|fa|he|iw|ps|sd|ug|ur|yi)\b/.test(known) ? "rtl" : "ltr";
}

/** A message in the reader's language; its key is the English text. */
function t(message, values = {}) {
  let text = words[message] ?? message;
  if (typeof text === "object") text = text[new Intl.PluralRules(locale).select(values.count)] ?? text.other;
  return text.replaceAll(/\{(\w+)\}/g, (whole, name) => (name in values ? `\u2068${values[name]}\u2069` : whole));
}

/** A message for the chat, without the marks that keep a value from scrambling what is shown around it. */
function plain(text) { return text.replaceAll(/[\u2068\u2069]/g, ""); }

/** An element; what it is given becomes properties (`on…`, `className`), else attributes. */
function el(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on") || name === "className" || name === "disabled" || name === "hidden") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Somebody's words: of either direction, cut by the layout and never by us. */
function words_of(text, tag = "span", className = "") {
  return el(tag, { dir: "auto", className }, text);
}

/** An amount or another run of signs that must not be torn apart by the text around it. */
function price(text, className = "") { return el("bdi", { className }, text); }

const ICONS = {
  minus: "M5 12h14", plus: "M5 12h14M12 5v14", check: "m5 12.5 4.5 4.5L19 7.5",
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3", out: "M14 4h6v6M20 4 10 14M19 14v5H5V5h5",
  bin: "M4 7h16M10 11v6M14 11v6M6 7l1 13h10l1-13M9 7V4h6v3",
  cart: "M3 4h2.5l2.2 11h9.8l2-8H6.4M9 20h.01M17 20h.01", clock: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: `icon ${name}`, "aria-hidden": "true" })) svg.setAttribute(key, value);
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A product's picture in a box that has its size before the picture comes; its first letters where there is none. */
function picture(product) {
  const letters = [...(product.name.match(/\p{L}[\p{L}'״׳"]*/gu) ?? ["·"])].slice(0, 2).map((word) => [...word][0]).join("");
  const hue = [...product.product_id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7) * 137 % 360;
  const box = el("div", { className: "picture", "aria-hidden": "true" }, el("span", { dir: "auto" }, letters));
  box.style.setProperty("--hue", hue);
  if (/^https?:\/\//.test(product.image ?? "")) {
    const image = el("img", { alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
    image.onload = () => box.classList.add("loaded");
    image.onerror = () => image.remove();
    image.src = product.image;
    box.append(image);
  }
  return box;
}

/** − quantity +, with a field to type into. `change` gets the absolute quantity that is wanted, at least `least`. */
function stepper(name, least, change) {
  let quantity = 0;
  let most = MOST;
  const field = el("input", { type: "text", inputmode: "numeric", autocomplete: "off", maxlength: 6 });
  const less = el("button", { type: "button", className: "step", onclick: () => want(quantity - 1) }, icon("minus"));
  const more = el("button", { type: "button", className: "step", onclick: () => want(quantity + 1) }, icon("plus"));
  const group = el("div", { className: "stepper", role: "group" }, less, field, more);

  function want(next) {
    if (Number.isInteger(next) && next >= least && next <= Math.max(most, quantity - 1) && next !== quantity) { show(next); change(next); }
    else field.value = String(quantity);
  }
  field.onchange = () => want(/^\d+$/.test(field.value.trim()) ? Number(field.value) : NaN);
  field.onfocus = () => field.select();
  field.onkeydown = (event) => {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      want(quantity + (event.key === "ArrowUp" ? 1 : -1));
    }
  };
  function show(now, rising = true) {
    quantity = now;
    if (field.value !== String(now)) field.value = String(now);
    most = rising ? MOST : now;
    // Not `disabled`: the keyboard would lose its place when a button gets there.
    more.setAttribute("aria-disabled", String(now >= most));
    less.setAttribute("aria-disabled", String(now <= least));
    less.replaceChildren(icon(now <= 1 && !least ? "bin" : "minus"));
    label();
  }
  function label() {
    group.setAttribute("aria-label", t("Quantity of {product}", { product: name }));
    field.setAttribute("aria-label", t("Quantity of {product}", { product: name }));
    less.setAttribute("aria-label", quantity <= 1 && !least ? t("Remove {product}", { product: name }) : t("One less: {product}", { product: name }));
    more.setAttribute("aria-label", t("One more: {product}", { product: name }));
  }
  return { element: group, show, label, less, more, field };
}

/** Say something to who listens instead of looking. */
function announce(text) { document.getElementById("said").textContent = text; }

/** Keep the keyboard where it is if what it was on goes away: `next`, else the heading. */
function keepFocus(gone, next) {
  if (!gone.contains(document.activeElement)) return;
  (next?.isConnected ? next : document.querySelector("h1")).focus();
}

function textOf(result) {
  return (result?.content ?? []).filter((block) => block.type === "text").map((block) => block.text).join("\n");
}

function errorOf(result) { return result?.isError ? (result.structuredContent?.error ?? { code: "", message: textOf(result) }) : null; }
