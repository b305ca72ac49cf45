// Internationalized names of hosts, with their tables of half a megabyte.

import tr46 from '../../node_modules/tr46/index.js';

export const { toASCII } = tr46;
