export type Line = { item: string; amount: number };

const cents = new Map<string, number>([
  ['tea', 450],
  ['cup', 1200],
]);

export const price = (item: string): number | undefined => cents.get(item);

export const stock = (): string[] => [...cents.keys()];
