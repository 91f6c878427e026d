import { i18n } from "@lingui/core";
import { useLingui } from "@lingui/react";

import type { Language } from "../stores/preferences";

const catalogs: Record<Language, () => Promise<{ messages: Parameters<typeof i18n.load>[1] }>> = {
  en: () => import("../locales/en.po"),
  zh: () => import("../locales/zh.po"),
};

/** Loads the messages of a language, and shows the page in it. */
export async function activate(language: Language): Promise<void> {
  const { messages } = await catalogs[language]();
  i18n.load(language, messages);
  i18n.activate(language);
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
}

/** The language of the page, for formatting numbers and times. */
export function useLanguage(): string {
  return useLingui().i18n.locale;
}
