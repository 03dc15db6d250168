import { format, resolveConfig } from 'prettier'
import { TRIGGER_SCHEMA } from '../src/core/runbook/trigger-schema.ts'
import { writeGenerated } from './generated-file.ts'

// Writes schemas/trigger.schema.json. With --check it writes nothing and ends with 1 when the file is stale.

const PATH = 'schemas/trigger.schema.json'

writeGenerated(PATH, await format(JSON.stringify(TRIGGER_SCHEMA), { ...(await resolveConfig(PATH)), filepath: PATH }))
