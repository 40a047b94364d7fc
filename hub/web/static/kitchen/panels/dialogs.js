import { h, setText } from "../../dom.js";

const REASONS = ["sold_out", "kitchen_closed", "guest", "mistake"];

const answers = (...buttons) => h("div", { class: "ask-answers" }, ...buttons);
const button = (value, text, kind = "", more = {}) => h("button", { class: `panel-button ${kind}`, value, ...more }, text);

/** A question in the middle of the screen; resolves with the value of the button, "" for Escape. */
function ask(title, ...content) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title" },
      h("form", { method: "dialog" }, h("h2", { id: "ask-title" }, title), ...content));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** "Was the guest's ID checked?" Resolves with true or false. */
export async function confirmId({ i18n, hub }, order) {
  const values = { room: order.room_number, age: hub.store.hotel.legal_age };
  const answer = await ask(i18n.text("age.title"), h("p", {}, i18n.text("age.text", values)),
    answers(button("no", i18n.text("age.no")), button("yes", i18n.text("age.yes"), "go")));
  return answer === "yes";
}

/** The expo calls an order ready while stations are still at it. Resolves with true or false. */
export async function confirmUnfinished({ i18n, names }, order, items) {
  const answer = await ask(i18n.text("unfinished.title", { room: order.room_number, number: order.order_number }),
    h("ul", {}, items.map((item) => h("li", {}, `${item.quantity} × ${i18n.of(item, "name")}`, h("small", {}, names.station(item.station))))),
    answers(button("no", i18n.text("unfinished.no"), "", { autofocus: true }), button("yes", i18n.text("unfinished.yes"), "go")));
  return answer === "yes";
}

/** Why the order, or one item of it, is cancelled: names what goes, and for whom. Resolves with a reason or null. */
export async function askReason({ i18n }, order, item = null) {
  const values = { room: order.room_number, number: order.order_number };
  const title = item === null
    ? i18n.text("cancel.order", values)
    : i18n.text("cancel.item", { ...values, item: i18n.of(item, "name"), quantity: item.quantity });
  const answer = await ask(title,
    h("p", {}, i18n.text("cancel.why")),
    h("div", { class: "reasons" }, REASONS.map((reason) => button(reason, i18n.text(`reason.${reason}`), "danger"))),
    answers(button("no", i18n.text("cancel.no"), "", { autofocus: true })));
  return REASONS.includes(answer) ? answer : null;
}

/** For how long nobody may order a dish. Resolves with true when it is sold out now. */
export async function askSoldOut({ i18n, actions }, dish) {
  const answer = await ask(i18n.text("sold.one", { item: i18n.of(dish, "name") }),
    h("div", { class: "reasons" },
      button("service", i18n.text("sold.service"), "danger"),
      button("open", i18n.text("sold.back"), "danger")),
    answers(button("no", i18n.text("sold.no"), "", { autofocus: true })));
  if (answer !== "service" && answer !== "open") return false;
  actions.soldOut(dish, true, answer === "service" ? "service" : null);
  return true;
}

/** After a cancellation because of stock: which of the dishes may nobody order any more? */
export async function offerSoldOut(kitchen, dishes) {
  const { i18n } = kitchen;
  const stop = (dish) => async ({ currentTarget }) => {
    if (!(await askSoldOut(kitchen, dish))) return;
    currentTarget.disabled = true;
    setText(currentTarget, i18n.text("sold"));
  };
  await ask(i18n.text("sold.ask"),
    h("ul", { class: "sold-list" }, dishes.map((dish) =>
      h("li", {}, h("span", { class: "sold-name" }, i18n.of(dish, "name")),
        h("button", { type: "button", class: "panel-button", onclick: stop(dish) }, i18n.text("sold.on"))))),
    answers(button("done", i18n.text("done"), "go", { autofocus: true })));
}
