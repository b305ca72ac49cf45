// Internationalized names of hosts, with their tables of half a megabyte.
//
// Of Unicode 17, as the tests of the standard and the engine's own tables are; whatwg-url's own tr46 is at 18 already.

import tr46 from '../../node_modules/tr46/index.js';

export const { toASCII } = tr46;
