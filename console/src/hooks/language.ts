import { i18n } from "@lingui/core";
import { useLingui } from "@lingui/react";

import type { Language } from "../stores/preferences";

/** Shows the page in a language. */
export function activate(language: Language): void {
  i18n.activate(language);
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
}

/** The language of the page, for formatting numbers and times. */
export function useLanguage(): string {
  return useLingui().i18n.locale;
}
