/** One-tap language switch: every visible text comes from a catalogue that has it in Japanese and in English. */

export const LANGUAGES = ["ja", "en"];

export const COMMON = {
  ja: {
    "language.switch": "英語に切り替える",
    "pair.how": "スタッフの方へ：QRコードを読み取るか、{address} でこのコードを入力してください。",
    "pair.left": "残り {time}",
    "pair.wait": "コードを用意しています",
    "pair.picture": "登録用のQRコード",
    "pair.again": "もう一度登録する",
    "closed.device_suspended": "この端末は一時停止中です",
    "closed.device_suspended.hint": "再開されると自動で戻ります。",
    "closed.device_lost": "この端末は紛失として届けられています",
    "closed.device_lost.hint": "フロントまでお届けください。",
    "closed.device_retired": "この端末の登録は終了しました",
    "closed.device_retired.hint": "お使いになるには、もう一度登録が必要です。",
    "closed.device_pending": "この端末は登録の途中です",
    "closed.device_pending.hint": "スタッフにお知らせください。",
    "closed.hotel_suspended": "サービスは一時停止中です",
    "closed.hotel_suspended.hint": "再開されると自動で戻ります。",
    "closed.hotel_ended": "このホテルでのサービスは終了しました",
    "closed.hotel_ended.hint": "ご利用ありがとうございました。",
    "closed.hotel_expired": "このホテルの契約期間が過ぎています",
    "closed.hotel_expired.hint": "スタッフにお知らせください。",
    "closed.hotel_not_started": "サービスはまだ始まっていません",
    "closed.hotel_not_started.hint": "始まると自動で表示されます。",
  },
  en: {
    "language.switch": "Switch to Japanese",
    "pair.how": "For staff: scan the QR code, or enter this code at {address}.",
    "pair.left": "{time} left",
    "pair.wait": "Getting a code",
    "pair.picture": "QR code to register this screen",
    "pair.again": "Register again",
    "closed.device_suspended": "This device is suspended",
    "closed.device_suspended.hint": "It comes back by itself when it is resumed.",
    "closed.device_lost": "This device was reported lost",
    "closed.device_lost.hint": "Please bring it to the front desk.",
    "closed.device_retired": "This device is no longer registered",
    "closed.device_retired.hint": "To use it, it has to be registered again.",
    "closed.device_pending": "This device is not fully registered yet",
    "closed.device_pending.hint": "Please tell a member of staff.",
    "closed.hotel_suspended": "The service is suspended",
    "closed.hotel_suspended.hint": "It comes back by itself when it is resumed.",
    "closed.hotel_ended": "The service at this hotel has ended",
    "closed.hotel_ended.hint": "Thank you for using it.",
    "closed.hotel_expired": "The contract of this hotel has run out",
    "closed.hotel_expired.hint": "Please tell a member of staff.",
    "closed.hotel_not_started": "The service has not begun yet",
    "closed.hotel_not_started.hint": "It appears by itself when it does.",
  },
};

/** The other language by its own name: the only text that is meant for those who cannot read the page. */
export const LANGUAGE_NAMES = { ja: "日本語", en: "English" };

const FORMATS = new Map();

/** One for each way to write a time: to make it takes far longer than to use it, and lists ask every second. */
function formatOf(locale, parts) {
  const name = `${locale} ${JSON.stringify(parts)}`;
  if (!FORMATS.has(name)) FORMATS.set(name, new Intl.DateTimeFormat(locale, parts));
  return FORMATS.get(name);
}

export class Translator extends EventTarget {
  #catalogues;
  #key;
  #storage;
  #language;

  /** @param catalogues objects `{ja: {key: text}, en: {key: text}}`; texts hold `{name}` placeholders */
  constructor({ catalogues, storage, key, fallback = "ja" }) {
    super();
    this.#catalogues = Object.fromEntries(
      LANGUAGES.map((language) => [language, Object.assign({}, ...catalogues.map((each) => each[language]))]),
    );
    this.#storage = storage;
    this.#key = key;
    const kept = storage.getItem(key);
    this.#language = LANGUAGES.includes(kept) ? kept : fallback;
  }

  get language() {
    return this.#language;
  }

  get other() {
    return this.#language === "ja" ? "en" : "ja";
  }

  set language(language) {
    if (language === this.#language || !LANGUAGES.includes(language)) return;
    this.#language = language;
    this.#storage.setItem(this.#key, language);
    this.dispatchEvent(new Event("change"));
  }

  has(key) {
    return key in this.#catalogues[this.#language];
  }

  text(key, values = {}) {
    const text = this.#catalogues[this.#language][key];
    if (text === undefined) throw new Error(`no text for ${key} in ${this.#language}`);
    return text.replaceAll(/\{(\w+)\}/g, (_, name) => {
      if (values[name] === undefined || values[name] === null) throw new Error(`no ${name} for ${key}`);
      return values[name];
    });
  }

  /** `name_ja` or `name_en` of a document. */
  of(document, field) {
    return document[`${field}_${this.#language}`] ?? "";
  }

  /** The same field in the other language. */
  otherOf(document, field) {
    return document[`${field}_${this.other}`] ?? "";
  }

  number(value) {
    return value.toLocaleString(this.#language === "ja" ? "ja-JP" : "en-GB");
  }

  yen(amount) {
    return this.#language === "ja" ? `${this.number(amount)}円` : `¥${this.number(amount)}`;
  }

  /** The same in words, for a button that says what it costs. */
  price(amount) {
    return this.#language === "ja" ? `${this.number(amount)}円` : `${this.number(amount)} yen`;
  }

  /** What something costs more or less: "+300円", "−¥100". */
  difference(amount) {
    return `${amount < 0 ? "−" : "+"}${this.yen(Math.abs(amount))}`;
  }

  /** "11月21日（土）" or "Saturday 21 November" in the hotel's time zone. */
  date(milliseconds, timeZone) {
    const parts = { timeZone, weekday: this.#language === "ja" ? "short" : "long", day: "numeric", month: "long" };
    return formatOf(this.#language === "ja" ? "ja-JP" : "en-GB", parts).format(milliseconds);
  }

  /** "21:05" or "21:05:09" in the hotel's time zone. */
  time(milliseconds, timeZone, { seconds = false } = {}) {
    const parts = { timeZone, hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hourCycle: "h23" };
    return formatOf("en-GB", parts).format(milliseconds);
  }
}
