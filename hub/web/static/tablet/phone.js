/** Whom to call, as the end of a sentence: the hotel's number, or the front desk where there is none. */
export const call = ({ hub, i18n }) => {
  const phone = hub.store.hotel?.phone;
  return phone ? i18n.text("call", { phone }) : i18n.text("call.desk");
};
