// For the part of the core that is in the snapshot; chunks import the functions themselves.

export { reasonPhrase, unsignedShort } from '../webidl.js';
