interface PolicyFactory {
  createPolicy(name: string, rules: { createHTML: (text: string) => string }): unknown;
}

/** Returns the text if it cannot become an element: Mantine inserts style rules as text, and nothing inserts anything else. */
export function onlyText(text: string): string {
  if (text.includes("<")) throw new TypeError("the console inserts no HTML");
  return text;
}

/** Installs the only policy that the page's Content Security Policy allows. Scripts from text are refused everywhere. */
export function installTrustedTypes(): void {
  const factory = (window as unknown as { trustedTypes?: PolicyFactory }).trustedTypes;
  factory?.createPolicy("default", { createHTML: onlyText });
}
