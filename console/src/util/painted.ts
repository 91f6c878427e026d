/** How long to wait for a frame. A hidden tab draws none. */
const mostMs = 100;

/** Resolves once the browser has drawn what changed before. Slow work that follows then does not hold up the answer to a click. */
export async function painted(): Promise<void> {
  await new Promise<void>((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, mostMs);
  });
}
