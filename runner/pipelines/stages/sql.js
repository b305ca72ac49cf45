// What the query of a stage `sql` gets beside the event: SQL, as a tag (values are bound) and as a function (the text as it is), and db.

class Statement {
  constructor(text, values) {
    this.text = text;
    this.values = values;
  }

  get rows() {
    throw new TypeError(
      'nothing has been executed yet: return the statement, its rows are the next events',
    );
  }
}

function bytesText(bytes) {
  let text = '\\x';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function element(value) {
  if (value === null || value === undefined) return 'NULL';
  if (Array.isArray(value)) return `{${value.map(element).join(',')}}`;
  return `"${bound(value).replace(/[\\"]/g, '\\$&')}"`;
}

// A value as PostgreSQL reads it; null stays null.
function bound(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`a ${typeof value} can not be a value of a statement`);
  }
  if (typeof value !== 'object') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ArrayBuffer) return bytesText(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) {
    return bytesText(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  if (Array.isArray(value)) return `{${value.map(element).join(',')}}`;
  return JSON.stringify(value);
}

function tagged(strings, given) {
  const values = [];
  let text = strings[0];
  given.forEach((value, index) => {
    if (value instanceof Statement) {
      // A piece of a statement: its values are numbered behind those that are there.
      const before = values.length;
      const renumbered = (_, number) => `$${before + Number(number)}`;
      text += value.values.length ? value.text.replace(/\$(\d+)/g, renumbered) : value.text;
      values.push(...value.values);
    } else {
      values.push(bound(value));
      text += `$${values.length}`;
    }
    text += strings[index + 1];
  });
  return new Statement(text, values);
}

function SQL(first, ...rest) {
  if (Array.isArray(first) && Array.isArray(first.raw)) return tagged(first, rest);
  return statement(first, rest[0]);
}

function statement(query, values = []) {
  if (query instanceof Statement) return query;
  if (query !== null && typeof query === 'object') return statement(query.text, query.values);
  if (typeof query !== 'string') {
    throw new TypeError('a query must return SQL`...`, SQL("..."), db.query(...), or a text');
  }
  return new Statement(query, values.map(bound));
}

const db = Object.freeze({ query: statement });

function packed(result) {
  if (result === null || result === undefined) return null;
  const { text, values } = statement(result);
  return { text, values };
}

export default (key, f) => {
  if (key !== 'query') return f;
  return function query(event) {
    const result = f.call(this, event, db, SQL);
    return typeof result?.then === 'function' ? result.then(packed) : packed(result);
  };
};
