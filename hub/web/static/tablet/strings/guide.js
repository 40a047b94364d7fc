/** The hotel's own pages. */
export const GUIDE = {
  ja: {
    "guide": "館内のご案内",
    "guide.hint": "お知りになりたいことをお選びください。",
    "guide.back": "館内のご案内に戻る",
    "guide.none": "ただいまご案内はございません",
    "guide.gone": "このご案内は終了しました。",
  },
  en: {
    "guide": "Hotel guide",
    "guide.hint": "Choose what you would like to know.",
    "guide.back": "Back to the hotel guide",
    "guide.none": "There is nothing to read at the moment",
    "guide.gone": "This page is no longer available.",
  },
};
