import { h, setText } from "../dom.js";

const REASONS = ["sold_out", "kitchen_closed", "guest", "mistake"];

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
export async function confirmId({ i18n }, order) {
  const answer = await ask(i18n.text("age.title"),
    h("p", {}, i18n.text("age.text", { room: order.room_number })),
    h("div", { class: "ask-answers" },
      h("button", { class: "panel-button", value: "no" }, i18n.text("age.no")),
      h("button", { class: "panel-button go", value: "yes" }, i18n.text("age.yes"))));
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
    h("div", { class: "reasons" }, REASONS.map((reason) =>
      h("button", { class: "panel-button danger", value: reason }, i18n.text(`reason.${reason}`)))),
    h("div", { class: "ask-answers" }, h("button", { class: "panel-button", value: "no", autofocus: true }, i18n.text("cancel.no"))));
  return REASONS.includes(answer) ? answer : null;
}

/** After a cancellation because of stock: which of the dishes may nobody order any more? */
export async function offerSoldOut({ i18n, actions }, dishes) {
  const stop = (dish) => ({ currentTarget }) => {
    currentTarget.disabled = true;
    setText(currentTarget, i18n.text("sold"));
    actions.soldOut(dish, true);
  };
  await ask(i18n.text("sold.ask"),
    h("ul", { class: "sold-list" }, dishes.map((dish) =>
      h("li", {}, h("span", { class: "sold-name" }, i18n.of(dish, "name")),
        h("button", { type: "button", class: "panel-button", onclick: stop(dish) }, i18n.text("sold.on"))))),
    h("div", { class: "ask-answers" }, h("button", { class: "panel-button go", value: "done", autofocus: true }, i18n.text("done"))));
}
