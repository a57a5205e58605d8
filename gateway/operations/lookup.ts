import { Fault } from '../../protocol/fault.ts'
import type { OperationNamed, SafelistMode } from '../request.ts'
import type { AdhocOperations } from './adhoc.ts'
import type { PersistedTexts } from './apq.ts'
import type { OperationRegistry, ServableOperation } from './registry.ts'
import { createTextForms, sha256 } from './text-form.ts'

/** Where operations are known. */
export interface KnownOperations {
  readonly registry: OperationRegistry
  readonly adhoc: AdhocOperations
}

/** A text that is of no persisted operation. */
export interface UnknownText {
  /** SHA-256. */
  readonly hash: string
  readonly chars: number
  readonly clientName: string | undefined
}

export interface LookupOptions {
  readonly mode: SafelistMode
  /** Whether introspection is answered: then it passes in every mode. */
  readonly introspection: boolean
  readonly tokensMax: number
  /** Texts that clients have registered; asked in `off` and `audit` only. */
  readonly texts: PersistedTexts
  /** Told of every request with such a text, but in `off`. */
  readonly onUnknown: (unknown: UnknownText) => void
}

type Client = string | undefined
type Found = ServableOperation | Fault | undefined

/** From how a request names its operation to what is run. */
export interface OperationLookup {
  /**
   * The compiled operation; `undefined`: a text, or a registered text's hash, that Apollo Server has to read first; or
   * the Fault that it is refused with. Without effect, so that it may be asked twice.
   */
  find(known: KnownOperations, named: OperationNamed, client: Client, bucket: number): Found
  /** Fetches the text of a hash that only other gateways may know; `undefined`: there is nothing to wait for. */
  recall(known: KnownOperations, named: OperationNamed, client: Client): Promise<void> | undefined
  /** Tells of a text that is of no persisted operation. Once a request, with what `find` gave. */
  note(known: KnownOperations, named: OperationNamed, client: Client, found: Found): void
}

const NOT_IN_LIST = new Fault(
  'PERSISTED_QUERY_NOT_IN_LIST',
  'expected the id of a persisted operation of this client, got another',
)
const NOT_IN_SAFELIST = new Fault(
  'QUERY_NOT_IN_SAFELIST',
  'expected the text of a persisted operation of this client, got another',
)
const ID_REQUIRED = new Fault(
  'PERSISTED_QUERY_ID_REQUIRED',
  'expected the id of a persisted operation, got a text',
)
const ID_AND_BODY = new Fault(
  'CANNOT_SEND_PQ_ID_AND_BODY',
  'expected the id of a persisted operation or its text, got both',
)
/** As Apollo's clients know it. */
const NOT_FOUND = new Fault('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound')

export function createLookup(options: LookupOptions): OperationLookup {
  return options.mode === 'off' || options.mode === 'audit' ? openLookup(options) : closedLookup(options)
}

/** `off` and `audit`: whatever is valid is run. */
function openLookup({ mode, introspection, tokensMax, texts, onUnknown }: LookupOptions): OperationLookup {
  const formOf = createTextForms(tokensMax)

  /** A hash that comes with its text, and is none of the manifest's, is Apollo Server's to register. */
  function findByHash(
    { registry, adhoc }: KnownOperations,
    hash: string,
    { text, operationName, hasForeignExtensions }: OperationNamed,
    client: Client,
    bucket: number,
  ): Found {
    if (text !== undefined && sha256(text) !== hash) return mismatch(text, hash)
    const persisted = registry.find(hash, client)
    if (persisted !== undefined || text !== undefined) return persisted
    const registered = texts.find(hash)
    if (registered === undefined) return NOT_FOUND
    return hasForeignExtensions ? undefined : adhoc.find({ text: registered, operationName }, bucket)
  }

  function isKnown({ registry }: KnownOperations, text: string, hash: string, client: Client): boolean {
    if (registry.find(hash, client) !== undefined) return true
    const { normalHash, isIntrospection } = formOf(text, hash)
    if (isIntrospection && introspection) return true
    return normalHash !== undefined && registry.findEqual(normalHash, client) !== undefined
  }

  return {
    find(known, named, client, bucket) {
      const { hash, text, operationName, hasForeignExtensions } = named
      if (hash !== undefined) return findByHash(known, hash, named, client, bucket)
      if (text === undefined || hasForeignExtensions) return undefined
      return known.adhoc.find({ text, operationName }, bucket)
    },
    recall({ registry }, { hash, text }, client) {
      if (hash === undefined || text !== undefined || registry.find(hash, client) !== undefined)
        return undefined
      return texts.fetch(hash)
    },
    note(known, named, clientName, found) {
      if (mode === 'off' || found instanceof Fault || found?.id !== undefined) return
      const text = named.text ?? (named.hash === undefined ? undefined : texts.find(named.hash))
      if (text === undefined) return
      const hash = named.hash ?? sha256(text)
      if (!isKnown(known, text, hash, clientName)) onUnknown({ hash, chars: text.length, clientName })
    },
  }
}

/** `enforce` and `require-id`: what has been compiled of clients' texts is never looked at. */
function closedLookup({ mode, introspection, tokensMax, onUnknown }: LookupOptions): OperationLookup {
  const formOf = createTextForms(tokensMax)

  function findByText({ registry }: KnownOperations, text: string, client: Client): Found {
    const hash = sha256(text)
    const same = mode === 'enforce' ? registry.find(hash, client) : undefined
    if (same !== undefined) return same
    if (mode === 'require-id' && !introspection) return ID_REQUIRED
    const { normalHash, isIntrospection } = formOf(text, hash)
    if (isIntrospection && introspection) return undefined
    if (mode === 'require-id') return ID_REQUIRED
    const equal = normalHash === undefined ? undefined : registry.findEqual(normalHash, client)
    return equal ?? NOT_IN_SAFELIST
  }

  return {
    find(known, { hash, text }, client) {
      if (hash !== undefined && text !== undefined) return ID_AND_BODY
      if (hash !== undefined) return known.registry.find(hash, client) ?? NOT_IN_LIST
      return text === undefined ? undefined : findByText(known, text, client)
    },
    recall: () => undefined,
    note(_, { text }, clientName, found) {
      if (text === undefined || found !== NOT_IN_SAFELIST) return
      onUnknown({ hash: sha256(text), chars: text.length, clientName })
    },
  }
}

const mismatch = (text: string, hash: string): Fault =>
  new Fault('PERSISTED_QUERY_HASH_MISMATCH', `expected the hash of the text, ${sha256(text)}, got ${hash}`)
