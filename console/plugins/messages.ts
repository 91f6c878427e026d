import { createCompiledCatalog, getCatalogs } from "@lingui/cli/api";
import { getConfig } from "@lingui/conf";
import type { Plugin } from "vite";

/** One message in the order of the languages, as `@lingui/core` reads it. */
type Translations = readonly unknown[];

const used = /\/\*i18n\*\/ \{\s*id: "([^"]+)"/g;

/**
 * Puts the messages of a module at its end, in every language, so that a page brings its own texts and no others. It runs after Lingui's
 * plugin, whose macros have become ids.
 *
 * @param registry the module that keeps the messages: its `register` takes the translations of each id
 */
export function messagesBesideCode(registry: string): Plugin {
  let catalog: Promise<ReadonlyMap<string, Translations>> | undefined;
  return {
    name: "messages-beside-code",
    enforce: "pre",
    buildStart: () => {
      catalog = undefined;
    },
    transform: {
      filter: { id: /\/console\/src\/.*\.tsx?$/, code: /from ["']@lingui\/react["']/ },
      async handler(code) {
        catalog ??= translations();
        const known = await catalog;
        const ids = new Set([...code.matchAll(used)].map(([, id]) => id ?? ""));
        const own = [...ids].map((id) => [id, known.get(id) ?? this.error(`the catalogs have no message ${id}: run npm run messages`)]);
        if (own.length === 0) return undefined;
        const call = `register(${JSON.stringify(Object.fromEntries(own))});`;
        return { code: `${code}\nimport { register } from ${JSON.stringify(registry)};\n${call}\n`, map: null };
      },
    },
  };
}

async function translations(): Promise<ReadonlyMap<string, Translations>> {
  const config = getConfig();
  const [catalog] = await getCatalogs(config);
  if (catalog === undefined) throw new Error("lingui.config.ts names no catalog");
  const compiled = await Promise.all(config.locales.map(async (locale) => {
    const { messages } = await catalog.getTranslations(locale, { fallbackLocales: config.fallbackLocales, sourceLocale: config.sourceLocale });
    const { source, errors } = createCompiledCatalog(locale, messages, { namespace: "json" });
    if (errors.length > 0) throw new Error(`the messages in ${locale} do not compile: ${JSON.stringify(errors)}`);
    return (JSON.parse(source) as { messages: Record<string, unknown> }).messages;
  }));
  const ids = Object.keys(compiled[0] ?? {});
  return new Map(ids.map((id) => [id, compiled.map((messages) => messages[id])]));
}
