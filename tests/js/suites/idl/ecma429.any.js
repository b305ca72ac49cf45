// Every name of the minimum common web API, by the list of its editors.

promise_test(async () => {
  const names = await (await fetch('/data/ecma429.json')).json();
  const ofWebAssembly = ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming', 'JSTag', 'validate'];
  for (const name of names.interfaces) {
    assert_equals(typeof globalThis[name], 'function', name);
    assert_equals(globalThis[name].name, name);
  }
  for (const name of names.WebAssembly) assert_equals(typeof WebAssembly[name], 'function', name);
  for (const written of names.methods_and_properties) {
    const name = written.replace('()', '');
    const holder = name === 'userAgent' ? navigator : ofWebAssembly.includes(name) ? WebAssembly : globalThis;
    assert_true(name in holder, name);
    if (written !== name) assert_equals(typeof holder[name], 'function', name);
  }
  assert_greater_than(names.interfaces.length, 40);
}, 'all of them are there');
