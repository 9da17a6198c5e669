declare module 'virtual:words' {
  /** By language: what loads the words of all areas. */
  const loaders: Record<string, () => Promise<{ default: Record<string, object> }>>;
  export default loaders;
}
