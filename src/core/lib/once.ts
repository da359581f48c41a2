// Something that is done when it is first asked for, and then not again.

export interface Once<T> {
  (): Promise<T>;
  /** What came or will come of it; undefined while nobody has asked. */
  made(): Promise<T> | undefined;
}

export function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  return Object.assign(
    () => {
      made ??= make();
      return made;
    },
    { made: () => made },
  );
}
