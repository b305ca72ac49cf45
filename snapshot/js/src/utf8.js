// What UTF-8 looks like in bytes.

/** How many bytes at the end are the beginning of a character that may be completed by more. */
export function unfinished(bytes, size) {
  for (let back = 1; back <= 3 && back <= size; back++) {
    const lead = bytes[size - back];
    if (lead < 0x80) return 0;
    if (lead < 0xc0) continue;
    const needed = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
    if (lead > 0xf4 || needed <= back) return 0;
    return back > 1 && !mayFollow(lead, bytes[size - back + 1]) ? 0 : back;
  }
  return 0;
}

/** Whether a byte can be the second of a character that begins with `lead`. */
function mayFollow(lead, second) {
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second < 0xa0;
  if (lead === 0xf0) return second >= 0x90;
  if (lead === 0xf4) return second < 0x90;
  return true;
}
