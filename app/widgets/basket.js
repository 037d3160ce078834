// The cart behind a widget: what the shopper wants of it, sent as absolute quantities of a known version.

const DEBOUNCE_MS = 350;
const MOST = 999_999;

/**
 * `draw` is called after everything that changes what is to be seen. `insist`: a change is sent once more
 * if the cart was changed meanwhile but not this product in it.
 */
function basket({ draw, insist }) {
  const wanted = new Map();
  let timer = 0;
  let sending = null;
  let running = null;

  const self = {
    id: null,
    ticket: null,
    view: null,
    state: "open",
    notice: null,
    undoable: null,

    /** How a change is made: by a call, by a message in the chat, or not at all. */
    get way() { return host.calls && self.id ? "call" : host.messages ? "message" : null; },
    get busy() { return Boolean(running); },

    line(productId) { return self.view?.lines.find((line) => line.product_id === productId); },

    quantity(productId) {
      const asked = wanted.get(productId) ?? (sending?.product.product_id === productId ? sending : null);
      return asked?.quantity ?? self.line(productId)?.quantity ?? 0;
    },

    unsure(productId) { return wanted.has(productId) || sending?.product.product_id === productId; },

    /** Show a cart that an answer of a tool has. */
    take(view) {
      self.view = view;
      self.id = view.cart_id ?? self.id;
      self.state = "open";
    },

    want(product, quantity) {
      self.notice = null;
      wanted.set(product.product_id, { product, quantity });
      clearTimeout(timer);
      timer = setTimeout(() => self.send(), DEBOUNCE_MS);
      draw();
    },

    /** Send what is wanted, one change after the other; done when there is nothing left. */
    send() {
      clearTimeout(timer);
      running ??= (async () => {
        while (wanted.size) {
          [sending] = wanted.values();
          wanted.delete(sending.product.product_id);
          if (self.way === "call") await change(sending); else await ask(sending);
          sending = null;
          draw();
        }
        running = null;
        draw();
      })();
      return running;
    },

    /** Read the cart as it is now. */
    async refresh() {
      if (!host.calls || !self.id) return;
      try {
        const result = await host.call("view_cart", { cart_id: self.id, ticket: self.ticket });
        const error = errorOf(result);
        if (!error) {
          if (self.undoable && self.undoable.version !== result.structuredContent.version) self.undoable = null;
          self.take(result.structuredContent);
        } else if (error.code === "CartExpired") self.state = "expired";
        else if (error.code !== "CartNotFound") self.say(error.message, "bad");
        else if (self.view?.version) self.state = "gone";
      } catch {
        if (self.view) self.say(t("This may not be the newest: the shop can't be reached just now."), "bad");
      }
      draw();
    },

    async undo() {
      const { version } = self.undoable;
      self.undoable = null;
      await act("undo_last_change", { version }, t("The change was taken back."));
    },

    restore: () => act("restore_cart", {}, t("The cart is back as it was.")),

    say(text, kind = "") {
      self.notice = { text, kind };
      announce(text);
    },
  };

  async function change({ product, quantity }, again = insist) {
    const before = self.line(product.product_id)?.quantity ?? 0;
    let result;
    try {
      result = await host.call("set_quantity", {
        product_id: product.product_id, quantity, cart_id: self.id, ticket: self.ticket, version: self.view?.version,
      });
    } catch { return unknown(); }
    const error = errorOf(result);
    if (error?.code === "VersionConflict") {
      self.take(error.cart);
      self.undoable = null;
      if (again && before === (self.line(product.product_id)?.quantity ?? 0)) return change({ product, quantity }, false);
      wanted.clear();
      return self.say(t("The cart was changed elsewhere meanwhile. This is how it is now."), "warn");
    }
    if (error) return refused(error);
    made(result, quantity ? null : t("{product} was taken out.", { product: product.name }));
    const now = self.line(product.product_id)?.quantity ?? 0;
    announce([
      now ? t("{product}: {quantity} in the cart.", { product: product.name, quantity: now }) : t("{product} was taken out.", { product: product.name }),
      ...self.view.totals.map((total) => t("Total: {amount}", { amount: total.text })),
    ].join(" "));
  }

  /** A call that isn't about one quantity. */
  async function act(tool, args, said) {
    await running;
    running = (async () => {
      try {
        const result = await host.call(tool, { cart_id: self.id, ...args });
        const error = errorOf(result);
        if (error) await refused(error);
        else { made(result); self.undoable = null; self.say(said, "good"); }
      } catch { await unknown(); }
      running = null;
      draw();
    })();
    draw();
    return running;
  }

  function made(result, said = null) {
    const cart = result.structuredContent;
    self.take(cart);
    self.notice = said ? { text: said, kind: "" } : null;
    const changes = cart.changes ?? (cart.change ? [cart.change] : []);
    self.undoable = changes.some((one) => one.before !== one.after) ? { version: cart.version } : null;
    host.tell(`${t("The shopper changed the cart in the card.")}\n${textOf(result)}`);
  }

  async function refused(error) {
    wanted.clear();
    if (error.code === "CartExpired") { self.state = "expired"; return; }
    await self.refresh();
    self.say(error.message, "bad");
  }

  async function unknown() {
    wanted.clear();
    await self.refresh();
    self.say(t("It is unknown whether the change was made. This is the cart as it was read last."), "bad");
  }

  async function ask({ product, quantity }) {
    const values = { product: product.name, quantity, id: product.product_id };
    const sent = await host.say(plain(quantity
      ? t("Please make it {quantity} × {product} in my cart. ({id})", values)
      : t("Please take {product} out of my cart. ({id})", values)));
    self.say(sent ? t("Asked in the chat.") : t("The chat didn't take the message. Please write it yourself."), sent ? "good" : "bad");
  }

  host.onLeave = () => self.send();
  return self;
}
