// Several TypeScript files, relative imports, variables from worker.toml.
// curl -H 'x-worker-name: shop' 'http://127.0.0.1:8080/order?tea=2&cup=1'
import { type Line, price, stock } from './catalogue.ts';
import { money } from './format/money.ts';

interface Env {
  readonly CURRENCY: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case '/':
        return Response.json({ items: stock() });
      case '/order': {
        const lines: Line[] = [...url.searchParams].map(([item, amount]) => ({
          item,
          amount: Number(amount),
        }));
        const unknown = lines.filter((line) => !Number.isInteger(line.amount) || !price(line.item));
        if (unknown.length > 0) {
          return Response.json({ unknown: unknown.map((line) => line.item) }, { status: 422 });
        }
        const total = lines.reduce((sum, line) => sum + line.amount * (price(line.item) as number), 0);
        return Response.json({ lines, total: money(total, env.CURRENCY) });
      }
      default:
        return new Response('not found\n', { status: 404 });
    }
  },
};
