import { type CSSVariablesResolver, createTheme } from "@mantine/core";

/** One accent color, with system fonts: the console loads nothing from elsewhere. */
export const theme = createTheme({
  primaryColor: "accent",
  primaryShade: { light: 6, dark: 6 },
  colors: {
    dark: ["#e6e8ee", "#c3c8d4", "#a0a8b8", "#7b8497", "#4b5265", "#343a4a", "#1c202b", "#161922", "#0f1117", "#0a0c11"],
    accent: ["#eef2ff", "#e0e7ff", "#c7d2fe", "#a5b4fc", "#818cf8", "#6366f1", "#4f46e5", "#4338ca", "#3730a3", "#312e81"],
  },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Inter, Roboto, "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, "Cascadia Mono", Consolas, monospace',
  defaultRadius: "md",
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.6rem", lineHeight: "1.3" }, h2: { fontSize: "1.05rem" } } },
  cursorType: "pointer",
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-red-filled": "#c02626", "--mantine-color-red-filled-hover": "#a51d1d",
    "--mantine-color-body": "#fafafc", "--mantine-color-text": "#171a21", "--mantine-color-dimmed": "#5b6472", "--mantine-color-anchor": "#4338ca",
    "--mantine-color-placeholder": "#687080", "--mantine-color-default-border": "#d5d8e0",
    "--mantine-color-teal-light-color": "#0a5c47", "--mantine-color-teal-text": "#0a7558", "--mantine-color-orange-light-color": "#8f3d00", "--mantine-color-red-light-color": "#a51d1d",
    "--mantine-color-red-text": "#c02626", "--mantine-color-blue-light-color": "#1b5fa8", "--mantine-color-gray-light-color": "#4a5160",
  },
  dark: {
    "--mantine-color-red-filled": "#c02626", "--mantine-color-red-filled-hover": "#a51d1d",
    "--mantine-color-body": "#0f1117", "--mantine-color-text": "#e6e8ee", "--mantine-color-dimmed": "#a0a8b8", "--mantine-color-anchor": "#a5b4fc",
    "--mantine-color-placeholder": "#98a1b3", "--mantine-color-default": "#1c202b", "--mantine-color-default-hover": "#242937", "--mantine-color-default-border": "#343a4a",
    "--mantine-color-orange-light": "#35230f", "--mantine-color-orange-light-color": "#ffc078", "--mantine-color-red-light": "#3a1b1f", "--mantine-color-red-light-hover": "#4a2227", "--mantine-color-red-light-color": "#ffa8a8",
  },
});
