import { ALLERGIES } from "./strings/allergies.js";
import { CART } from "./strings/cart.js";
import { FRAME } from "./strings/frame.js";
import { GUIDE } from "./strings/guide.js";
import { ITEM } from "./strings/item.js";
import { MENU } from "./strings/menu.js";
import { NOTICES } from "./strings/notices.js";
import { ORDERS } from "./strings/orders.js";
import { PHONES } from "./strings/phones.js";
import { PLACING } from "./strings/placing.js";
import { REVIEW } from "./strings/review.js";

const PARTS = [FRAME, MENU, ITEM, ALLERGIES, CART, REVIEW, PLACING, ORDERS, NOTICES, GUIDE, PHONES];

/** Every text a guest can see. */
export const TABLET = {
  ja: Object.assign({}, ...PARTS.map(({ ja }) => ja)),
  en: Object.assign({}, ...PARTS.map(({ en }) => en)),
};
