import { storeContract } from '../contract/store.ts'
import { openSqliteStore } from '../../src/adapters/sqlite/store.ts'

storeContract('SQLite in memory', () => openSqliteStore(':memory:'))
