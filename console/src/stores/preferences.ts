/** What a browser remembers of a person: the theme and the language, in a cookie of the console. Never anything secret. */

export const languages = ["en", "zh"] as const;
export type Language = (typeof languages)[number];
export type Theme = "light" | "dark" | "auto";

export interface Preferences {
  readonly theme: Theme;
  readonly language: Language;
}

const name = "megarouter_console";
const maxAgeS = 365 * 24 * 3600;

export function readPreferences(cookies: string, browserLanguages: readonly string[]): Preferences {
  const stored = new URLSearchParams(cookies.split("; ").find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1) ?? "");
  const theme = stored.get("theme");
  const language = [stored.get("language") ?? "", ...browserLanguages]
    .map((tag) => tag.split("-")[0])
    .find((tag): tag is Language => languages.includes(tag as Language));
  return { theme: theme === "light" || theme === "dark" ? theme : "auto", language: language ?? "en" };
}

export function cookieOf(preferences: Preferences): string {
  return `${name}=${new URLSearchParams({ ...preferences }).toString()}; path=/console/; max-age=${maxAgeS}; samesite=strict`;
}

export function loadPreferences(): Preferences {
  return readPreferences(document.cookie, navigator.languages);
}

export function changePreferences(change: Partial<Preferences>): void {
  document.cookie = cookieOf({ ...loadPreferences(), ...change });
}
