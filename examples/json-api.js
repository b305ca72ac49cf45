// A JSON API: routes, methods, status codes, and a body that is read and checked.
// curl -H 'x-worker-name: json-api' -d '{"amount":3,"price":7}' http://127.0.0.1:8080/total
const routes = {
  'GET /': () => Response.json({ routes: Object.keys(routes) }),
  'GET /echo': (request) => Response.json(Object.fromEntries(new URL(request.url).searchParams)),
  'POST /total': async (request) => {
    const { amount, price } = await request.json();
    if (typeof amount !== 'number' || typeof price !== 'number') {
      return Response.json({ error: 'amount and price must be numbers' }, { status: 422 });
    }
    return Response.json({ total: amount * price }, { status: 201 });
  },
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const route = routes[`${request.method} ${pathname}`];
    if (route === undefined) return Response.json({ error: 'no such route' }, { status: 404 });
    try {
      return await route(request);
    } catch (error) {
      if (error instanceof SyntaxError) return Response.json({ error: 'no JSON' }, { status: 400 });
      throw error;
    }
  },
};
