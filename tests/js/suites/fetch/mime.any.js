// Types of bodies (https://mimesniff.spec.whatwg.org/#parsing-a-mime-type, https://fetch.spec.whatwg.org/#concept-header-extract-mime-type).

const parsed = [
  ['text/html;charset=gbk', 'text/html;charset=gbk'],
  ['TEXT/HTML;CHARSET=GBK', 'text/html;charset=GBK'],
  ['text/html;charset=gbk(', 'text/html;charset="gbk("'],
  ['text/html;x=(;charset=gbk', 'text/html;x="(";charset=gbk'],
  ['text/html;charset=gbk;charset=windows-1255', 'text/html;charset=gbk'],
  ['text/html;charset=();charset=GBK', 'text/html;charset="()"'],
  ['text/html;charset =gbk', 'text/html'],
  ['text/html ;charset=gbk', 'text/html;charset=gbk'],
  ['text/html; charset=gbk', 'text/html;charset=gbk'],
  ['text/html;charset= gbk ', 'text/html;charset=" gbk"'],
  ['text/html;charset= "gbk"', 'text/html;charset=" \\"gbk\\""'],
  ['text/html;charset= \t;x=y', 'text/html;x=y'],
  ['text/html;charset=gbk\'', "text/html;charset=gbk'"],
  ['text/html;";charset=gbk', 'text/html;charset=gbk'],
  ['text/html ; ; charset=gbk', 'text/html;charset=gbk'],
  ['text/html;test=\u00FF;charset=gbk', 'text/html;test="\u00FF";charset=gbk'],
  ['x/x;test="\\', 'x/x;test="\\\\"'],
  [`${'0123456789'.repeat(13)}/x;${'0123456789'.repeat(13)}=x`, `${'0123456789'.repeat(13)}/x;${'0123456789'.repeat(13)}=x`],
  ['text/html;", text/plain', 'text/html'],
  ['*/*, text/html', 'text/html'],
  ['text/plain;charset=gbk, text/plain;charset=windows-1252', 'text/plain;charset=windows-1252'],
  ['text/html;charset=\'gbk\'', "text/html;charset='gbk'"],
  ['text/html;test;charset=gbk', 'text/html;charset=gbk'],
  ['text/html;test=;charset=gbk', 'text/html;charset=gbk'],
  ['text/html;;;;charset=gbk', 'text/html;charset=gbk'],
  ['text/html;charset="gbk"', 'text/html;charset=gbk'],
  ['text/html;charset="gbk', 'text/html;charset=gbk'],
  ['text/html;charset=gbk"', 'text/html;charset="gbk\\""'],
  ['text/html;charset=" gbk"', 'text/html;charset=" gbk"'],
  ['text/html;charset="\\ gbk"', 'text/html;charset=" gbk"'],
  ['text/html;charset="\\g\\b\\k"', 'text/html;charset=gbk'],
  ['text/html;charset="gbk"x', 'text/html;charset=gbk'],
  ['text/html;charset="";charset=GBK', 'text/html;charset=""'],
  ['text/html;charset=";charset=foo";charset=GBK', 'text/html;charset=";charset=foo"'],
  ['text/html;charset="\\"";a=b', 'text/html;charset="\\"";a=b'],
  ['text/html;a=\x80\xff', 'text/html;a="\x80\xff"'],
  ['x/x;x=x;X=y', 'x/x;x=x'],
  ['!#$%&\'*+-.^_`|~/!#$%&\'*+-.^_`|~;!#$=x', '!#$%&\'*+-.^_`|~/!#$%&\'*+-.^_`|~;!#$=x'],
  ['\t x/x\t;\t x=x\t ', 'x/x;x=x'],
  ['', ''],
  ['text', ''],
  ['text/', ''],
  ['/html', ''],
  [' / ', ''],
  ['te xt/html', ''],
  ['text/ht ml', ''],
  ['text/html(', ''],
  ['text/html/x', ''],
  ['\xff/x', ''],
  ['*/*', ''],
  ['text/plain, text/html', 'text/html'],
  ['text/html;charset=gbk, text/html', 'text/html;charset=gbk'],
  ['text/html;charset=gbk, text/plain, text/html', 'text/html'],
  ['text/html;charset=gbk, text/html;x=",text/plain"', 'text/html;x=",text/plain";charset=gbk'],
  ['text/html;charset=gbk;a=b, text/html;a=c', 'text/html;a=c;charset=gbk'],
  ['text/html;charset=x, nonsense', 'text/html;charset=x'],
  ['text/html, */*', 'text/html'],
  [',text/html,', 'text/html'],
];

for (const [given, expected] of parsed) {
  promise_test(async () => {
    const headers = [['Content-Type', given]];
    assert_equals((await new Response('', { headers }).blob()).type, expected);
    const request = new Request('https://a/', { method: 'POST', body: '', headers });
    assert_equals((await request.blob()).type, expected);
  }, JSON.stringify(given));
}

promise_test(async () => {
  const several = new Headers();
  several.append('content-type', 'text/html;charset="');
  several.append('content-type', 'text/plain"; x=y');
  assert_equals((await new Response('', { headers: several }).blob()).type, 'text/html;charset=", text/plain";x=y');
  const changed = new Response('', { headers: { 'content-type': 'text/plain' } });
  changed.headers.set('Content-Type', 'Test/Test');
  assert_equals((await changed.blob()).type, 'test/test');
  assert_equals((await new Response('a').blob()).type, 'text/plain;charset=UTF-8');
  assert_equals((await new Response(new Uint8Array(1)).blob()).type, '');
}, 'headers that come several times, or are changed');

const urls = [
  ['data:,a', 'text/plain;charset=US-ASCII', 'a'],
  ['data:text/html,a%20b', 'text/html', 'a b'],
  ['data:;charset=x,a', 'text/plain;charset=x', 'a'],
  ['data:TEXT/HTML;Charset=UTF-8 ,a', 'text/html;charset=UTF-8', 'a'],
  ['data:nonsense,a', 'text/plain;charset=US-ASCII', 'a'],
  ['data:text/plain;base64,YQ', 'text/plain', 'a'],
  ['data:text/plain; base64,Y Q=%3D', 'text/plain', 'a'],
  ['data:;base64,YWI%3d', 'text/plain;charset=US-ASCII', 'ab'],
  ['data:;base64;x,YQ', 'text/plain', 'YQ'],
  ['data:text/html;x="a,b",c', 'text/html;x=a', 'b",c'],
  ['data:,a#b', 'text/plain;charset=US-ASCII', 'a'],
  ['data:,%ff%zz', 'text/plain;charset=US-ASCII', '\ufffd%zz'],
  ['DATA:,a?b', 'text/plain;charset=US-ASCII', 'a?b'],
];
for (const [url, type, text] of urls) {
  promise_test(async () => {
    const response = await fetch(url);
    assert_equals(response.headers.get('content-type'), type);
    assert_array_equals([response.status, response.statusText, response.type, response.redirected], [200, 'OK', 'basic', false]);
    assert_equals(await response.text(), text);
  }, `fetch ${url}`);
}
for (const url of ['data:', 'data:text/html', 'data:;base64,a', 'data:;base64,a!', 'data:;base64,YQ=']) {
  promise_test(t => promise_rejects_js(t, TypeError, fetch(url)), `fetch ${url} fails`);
}
