// Bytes in queries and fragments, by the data of web-platform-tests; documents here are in UTF-8 alone.

promise_test(async () => {
  const cases = await (await fetch('/data/wpt-url/percent-encoding.json')).json();
  for (const it of cases) {
    if (typeof it !== 'object') continue;
    const expected = it.output['utf-8'];
    test(() => {
      const url = new URL(`https://x/?${it.input}#${it.input}`);
      assert_equals(url.search, `?${expected}`);
      assert_equals(url.hash, `#${expected}`);
    }, JSON.stringify(it.input));
  }
}, 'percent-encoding is there');
