const paths = {
  home: "M3 11l9-8 9 8M5 9.5V21h14V9.5M10 21v-6h4v6",
  chart: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  list: "M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01",
  people: "M16 20v-1.5a4 4 0 00-4-4H6a4 4 0 00-4 4V20M9 10.5A3.5 3.5 0 109 3.5a3.5 3.5 0 000 7zM22 20v-1.5a4 4 0 00-3-3.8M16 3.7a3.5 3.5 0 010 6.7",
  key: "M15 9.5a4.5 4.5 0 10-4.2 4.5L13 16h2.5v2.5H18V21h3v-3.6l-6.3-6.3a4.5 4.5 0 00.3-1.6zM9.5 8.5h.01",
  bell: "M6 9a6 6 0 1112 0c0 6 2.5 7 2.5 7h-17S6 15 6 9zM10 20a2.2 2.2 0 004 0",
  wallet: "M3 7.5A2.5 2.5 0 015.500 5H18v3.500M3 7.500V17.500A2.500 2.500 0 005.500 20H21V8.500H5.500A2.500 2.500 0 013 7.500zM16.500 14.200h.010",
  cube: "M12 3l8.500 4.800v8.400L12 21l-8.500-4.800V7.800zM3.500 7.800L12 12.500l8.500-4.700M12 12.500V21",
  clock: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5.500l3.500 2",
  code: "M8 8l-5 4 5 4M16 8l5 4-5 4M13.500 5l-3 14",
  search: "M11 18a7 7 0 100-14 7 7 0 000 14zM20.5 20.500L16 16",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.500l4.500 4.500L19 7.500",
  sun: "M12 16a4 4 0 100-8 4 4 0 000 8zM12 3V1.500M12 22.500V21M3 12H1.500M22.500 12H21M5.600 5.600L4.500 4.500M19.500 19.500l-1.100-1.100M5.600 18.400l-1.100 1.100M19.500 4.500l-1.100 1.100",
  out: "M10 4H5v16h5M15 8l4 4-4 4M19 12H9",
  right: "M9 5l7 7-7 7",
  close: "M6 6l12 12M18 6L6 18",
  left: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  more: "M5 12h.010M12 12h.010M19 12h.010",
  download: "M12 4v11M7 10.500l5 5 5-5M5 20h14",
  warning: "M12 4L2.500 20h19zM12 10v4.500M12 17.500h.010",
  spark: "M12 3l2 7 7 2-7 2-2 7-2-7-7-2 7-2z",
  file: "M14 3H6v18h12V7zM14 3v4h4M9 12h6M9 16h6",
  switch: "M8 9l4-4 4 4M8 15l4 4 4-4",
} as const;

export type IconName = keyof typeof paths;

/** A drawing beside a text, which says the same: screen readers skip it. */
export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
