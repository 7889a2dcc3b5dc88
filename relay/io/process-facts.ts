/** What a support engineer asks first: which Node.js on which system, and how much memory it has taken, in bytes. */
export function processFacts(): { readonly node: string; readonly platform: string; readonly memory: object } {
  return {
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    memory: process.memoryUsage(),
  };
}
