// Databases in `env`: op `database` (docs/boundary.md). Parameters and results travel as PostgreSQL's text; what it means in
// JavaScript is decided here.

import {
  dateGetTime,
  dateToISOString,
  defineProperty,
  Error,
  freeze,
  isArray,
  stringify,
  stringToWellFormed,
  TypeError,
} from '../primordials.js';
import { viewOf } from '../buffers.js';
import { brandInterface } from '../interface.js';
import { append } from '../list.js';
import { readerOf, toHex } from '../sql-values.js';

const { quote, use } = core;
const { ask, brandBinding } = use('bindings');

const internally = { __proto__: null };

/** What PostgreSQL refused: its message, its SQLSTATE as `code`, and what else it told. */
class DatabaseError extends Error {
  constructor(token, { message, ...fields }) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    super(message);
    const keys = ['code', 'detail', 'hint', 'position', 'schema', 'table', 'column', 'constraint'];
    for (let i = 0; i < keys.length; i++) {
      if (fields[keys[i]] !== undefined) this[keys[i]] = fields[keys[i]];
    }
  }
}

brandInterface(DatabaseError, 'DatabaseError');
const name = { __proto__: null, value: 'DatabaseError', writable: true, configurable: true };
defineProperty(DatabaseError.prototype, 'name', name);

class Database {
  #name;

  constructor(token, name) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#name = name;
  }

  /** The rows of one statement, as an array; `{rowsAffected}` of one that gives none. `$1` is the first of `params`. */
  async query(sql, params = undefined) {
    return await query(this.#name, sql, params, 0);
  }

  /** Calls `work(tx)` in a transaction; it is committed when the promise of `work` is fulfilled, else rolled back. */
  async transaction(work) {
    if (typeof work !== 'function') {
      throw new TypeError('Database transaction: a function is needed');
    }
    const { transaction } = await ask('database', this.#name, '"action":"begin"', checked);
    let value;
    try {
      value = await work(freeze(new Transaction(internally, this.#name, transaction)));
    } catch (error) {
      try {
        await end(this.#name, 'rollback', transaction);
      } catch {
        // It has ended already, or will with the execution.
      }
      throw error;
    }
    await end(this.#name, 'commit', transaction);
    return value;
  }
}

brandBinding(Database, 'Database');

class Transaction {
  #name;
  #number;

  constructor(token, name, number) {
    if (token !== internally) throw new TypeError('Illegal constructor');
    this.#name = name;
    this.#number = number;
  }

  async query(sql, params = undefined) {
    return await query(this.#name, sql, params, this.#number);
  }
}

brandBinding(Transaction, 'DatabaseTransaction');

async function query(binding, sql, params, transaction) {
  if (typeof sql !== 'string') throw new TypeError('Database query: the SQL must be a string');
  let members = `"action":"query","sql":${quote(stringToWellFormed(sql))},"params":${paramsOf(params)}`;
  if (transaction !== 0) members += `,"transaction":${transaction}`;
  return await ask('database', binding, members, resultOf);
}

async function end(binding, action, transaction) {
  await ask('database', binding, `"action":"${action}","transaction":${transaction}`, checked);
}

function checked(answer) {
  if (answer.error !== undefined) throw new DatabaseError(internally, answer.error);
  return answer;
}

// --- parameters ---

function paramsOf(params) {
  if (params === undefined || params === null) return '[]';
  if (!isArray(params)) throw new TypeError('Database query: the parameters must be an array');
  let list = '';
  for (let i = 0; i < params.length; i++) {
    const text = textOf(params[i], `parameter $${i + 1}`);
    list += `${i === 0 ? '' : ','}${text === null ? 'null' : quote(text)}`;
  }
  return `[${list}]`;
}

/** A value as PostgreSQL reads it, or null. */
function textOf(value, what) {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return stringToWellFormed(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
    return `${value}`;
  }
  if (typeof value !== 'object') {
    throw new TypeError(`Database query: ${what} can not be a ${typeof value}`);
  }
  if (isArray(value)) return arrayText(value, what);
  const bytes = viewOf(value);
  if (bytes !== undefined) return `\\x${toHex(bytes)}`;
  if (isDate(value)) return dateToISOString(value);
  const json = stringify(value);
  if (json === undefined) {
    throw new TypeError(`Database query: ${what} can not be expressed as JSON`);
  }
  return stringToWellFormed(json);
}

function isDate(value) {
  try {
    dateGetTime(value);
    return true;
  } catch {
    return false;
  }
}

/** An array literal; what is in it is quoted, but for NULL and arrays. */
function arrayText(array, what) {
  let list = '';
  for (let i = 0; i < array.length; i++) {
    const item = array[i];
    const text = textOf(item, what);
    if (i > 0) list += ',';
    if (text === null) list += 'NULL';
    else list += isArray(item) ? text : quotedItem(text);
  }
  return `{${list}}`;
}

function quotedItem(text) {
  let quoted = '"';
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    quoted += character === '"' || character === '\\' ? `\\${character}` : character;
  }
  return `${quoted}"`;
}

// --- results ---

/**
 * Rows as an array of objects, or `{rowsAffected}`: what the original answers. Either has `rows`, `rowCount` and `columns`, too,
 * which do not show.
 */
function resultOf(answer) {
  const { columns, count, rows } = checked(answer);
  if (columns === null) return described({ rowsAffected: count }, [], count, []);
  const readers = [];
  const names = [];
  for (let i = 0; i < columns.length; i++) {
    append(names, columns[i][0]);
    append(readers, readerOf(columns[i][1]));
  }
  const objects = [];
  for (let i = 0; i < rows.length; i++) append(objects, objectOf(names, readers, rows[i]));
  return described(objects, objects, count, names);
}

function objectOf(names, readers, row) {
  const object = {};
  for (let i = 0; i < names.length; i++) {
    const text = row[i];
    const read = readers[i];
    const value = text === null || read === null ? text : read(text);
    if (names[i] === '__proto__') {
      const own = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
      defineProperty(object, names[i], own);
    } else {
      object[names[i]] = value;
    }
  }
  return object;
}

function described(result, rows, rowCount, columns) {
  defineProperty(result, 'rows', { __proto__: null, value: rows });
  defineProperty(result, 'rowCount', { __proto__: null, value: rowCount });
  defineProperty(result, 'columns', { __proto__: null, value: columns });
  return result;
}

export function make(name) {
  return freeze(new Database(internally, name));
}
