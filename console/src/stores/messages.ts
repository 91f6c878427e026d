import { type Messages, i18n } from "@lingui/core";

import { languages } from "./preferences";

type Message = Messages[string];

/** The messages of all modules that have been loaded. Lingui keeps these very objects, so adding to them renders nothing again. */
const catalogs: readonly Messages[] = languages.map((language) => {
  const messages: Messages = {};
  i18n.load(language, messages);
  return messages;
});

/** Adds the messages of a module, by their ids, each in the order of `languages`. The build calls it in every module that has messages. */
export function register(messages: Readonly<Record<string, readonly Message[]>>): void {
  for (const [id, translations] of Object.entries(messages)) {
    for (const [index, catalog] of catalogs.entries()) catalog[id] = translations[index] ?? id;
  }
}
