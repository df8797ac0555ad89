/**
 * Every control message, declared once: its wire code, who sends it to whom, what happens when it is
 * lost, and its fields with their limits. The TypeScript types, the codec (message-codec.ts), the
 * rules of who may say what (handshake.ts) and the table in docs/internals/protocol.md come from here.
 *
 * Codes are append-only, and so are fields: a message that needs another field gets another code,
 * except `hello` and `goodbye`, which are `extensible`: whoever speaks an older version reads the
 * fields it knows and passes over what follows, so that versions can be told apart at all.
 *
 * Fields: [name, 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'f64' | 'bool'], [name, 'text' | 'bytes', bytes
 * at most], [name, 'choice', names by number], [name, 'list', items at most, fields of one item].
 */

/** Who takes part in conversations. Each server port belongs to one of them. */
export type Endpoint = 'client' | 'coordinator' | 'gossiper' | 'control';

export const CONTROL_MESSAGES = {
  hello: {
    code: 1,
    source: ['client', 'coordinator', 'gossiper', 'control'],
    target: ['coordinator', 'gossiper', 'control'],
    lost: 'the connection is closed after the handshake timeout; whoever opened it tries again',
    extensible: true,
    fields: [
      ['protocolVersionMin', 'u16'],
      ['protocolVersionMax', 'u16'],
      ['role', 'choice', ['client', 'peer']],
      ['clusterId', 'text', 64],
      ['session', 'u64'],
      ['nodeId', 'text', 64],
      ['epoch', 'u32'],
      ['ringHash', 'text', 128],
      ['featureBits', 'u32'],
    ],
  },
  welcome: {
    code: 2,
    source: ['coordinator', 'gossiper', 'control'],
    target: ['client', 'coordinator', 'gossiper', 'control'],
    lost: 'the connection is closed after the handshake timeout; whoever opened it tries again',
    extensible: false,
    fields: [
      ['protocolVersion', 'u16'],
      ['clusterId', 'text', 64],
      ['nodeId', 'text', 64],
      ['bootId', 'u64'],
      ['epoch', 'u32'],
      ['ringHash', 'text', 128],
      ['featureBits', 'u32'],
      ['partitionCount', 'u32'],
      ['keyBytesMax', 'u32'],
      ['valueBytesMax', 'u32'],
      ['contextEntriesMax', 'u32'],
      ['frameBytesMax', 'u32'],
      ['frameOperationsMax', 'u32'],
      ['inFlightMax', 'u32'],
      [
        'buckets',
        'list',
        1024,
        [
          ['id', 'u32'],
          ['name', 'text', 128],
          ['mode', 'choice', ['eventual', 'linearizable']],
          ['conflictPolicy', 'choice', ['siblings', 'lww']],
          ['durability', 'choice', ['sync', 'interval', 'none']],
          ['replicas', 'u8'],
          ['readLevel', 'u8'],
          ['writeLevel', 'u8'],
          ['contextRequired', 'bool'],
        ],
      ],
      [
        'addresses',
        'list',
        1024,
        [
          ['nodeId', 'text', 64],
          ['address', 'text', 256],
          ['dataCentre', 'text', 64],
          ['rack', 'text', 64],
        ],
      ],
    ],
  },
  goodbye: {
    code: 3,
    source: ['client', 'coordinator', 'gossiper', 'control'],
    target: ['client', 'coordinator', 'gossiper', 'control'],
    lost: 'the other side sees only that the connection ended',
    extensible: true,
    fields: [
      ['reason', 'u16'],
      ['text', 'text', 1024],
    ],
  },
  statusRequest: {
    code: 4,
    source: ['client', 'coordinator'],
    target: ['coordinator'],
    lost: 'the asker times out and asks again',
    extensible: false,
    fields: [['requestId', 'u32']],
  },
  status: {
    code: 5,
    source: ['coordinator'],
    target: ['client', 'coordinator'],
    lost: 'the asker times out and asks again',
    extensible: false,
    fields: [
      ['requestId', 'u32'],
      ['json', 'text', 1_048_576],
    ],
  },
  ringRequest: {
    code: 6,
    source: ['client', 'coordinator', 'gossiper', 'control'],
    target: ['coordinator', 'gossiper', 'control'],
    lost: 'the asker times out and asks again',
    extensible: false,
    fields: [['requestId', 'u32']],
  },
  ring: {
    code: 7,
    source: ['coordinator', 'gossiper', 'control'],
    target: ['client', 'coordinator', 'gossiper', 'control'],
    lost: 'the asker times out and asks again',
    extensible: false,
    fields: [
      ['requestId', 'u32'],
      ['bytes', 'bytes', 4_128_768],
    ],
  },
  adminRequest: {
    code: 8,
    source: ['client'],
    target: ['coordinator'],
    lost: 'the asker times out; the command may have been carried out, so commands are idempotent',
    extensible: false,
    fields: [
      ['requestId', 'u32'],
      ['command', 'text', 64],
      ['argument', 'text', 65_536],
    ],
  },
  adminReply: {
    code: 9,
    source: ['coordinator'],
    target: ['client'],
    lost: 'the asker times out; the command may have been carried out, so commands are idempotent',
    extensible: false,
    fields: [
      ['requestId', 'u32'],
      ['json', 'text', 1_048_576],
    ],
  },
  heartbeat: {
    code: 10,
    source: ['gossiper'],
    target: ['gossiper'],
    lost: 'the next one follows; several in a row make the sender suspect its target',
    extensible: false,
    fields: [
      ['nodeId', 'text', 64],
      ['incarnation', 'u64'],
      ['sequence', 'u32'],
      ['sentMs', 'f64'],
      ['dataPathAgeMs', 'u32'],
      ['knownEpoch', 'u32'],
    ],
  },
  heartbeatAck: {
    code: 11,
    source: ['gossiper'],
    target: ['gossiper'],
    lost: 'as if the heartbeat had been lost',
    extensible: false,
    fields: [
      ['nodeId', 'text', 64],
      ['incarnation', 'u64'],
      ['sequence', 'u32'],
      ['sentMs', 'f64'],
      ['dataPathAgeMs', 'u32'],
      ['knownEpoch', 'u32'],
    ],
  },
  rootsRequest: {
    code: 12,
    source: ['control'],
    target: ['control'],
    lost: 'the round of this peer ends at its timeout and comes again',
    extensible: false,
    fields: [
      ['requestId', 'u32'],
      ['epoch', 'u32'],
      [
        'partitions',
        'list',
        65_536,
        [
          ['partition', 'u32'],
          ['replicationClass', 'u8'],
        ],
      ],
    ],
  },
  roots: {
    code: 13,
    source: ['control'],
    target: ['control'],
    lost: 'the round of this peer ends at its timeout and comes again',
    extensible: false,
    fields: [
      ['requestId', 'u32'],
      ['epoch', 'u32'],
      [
        'roots',
        'list',
        65_536,
        [
          ['partition', 'u32'],
          ['replicationClass', 'u8'],
          ['high', 'i32'],
          ['low', 'i32'],
        ],
      ],
    ],
  },
  error: {
    code: 14,
    source: ['coordinator', 'gossiper', 'control'],
    target: ['client', 'coordinator', 'gossiper', 'control'],
    lost: 'the asker times out',
    extensible: false,
    fields: [
      ['requestId', 'u32'],
      ['code', 'u16'],
      ['text', 'text', 1024],
    ],
  },
} as const;

/** 64 bits as two words, signed as in an Int32Array. */
export interface Word64 {
  readonly high: number;
  readonly low: number;
}

export type FieldDeclaration =
  | readonly [name: string, type: 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'f64' | 'bool']
  | readonly [name: string, type: 'text' | 'bytes', byteLengthMax: number]
  | readonly [name: string, type: 'choice', names: readonly string[]]
  | readonly [name: string, type: 'list', countMax: number, fields: readonly FieldDeclaration[]];

export interface MessageDeclaration {
  readonly code: number;
  readonly source: readonly Endpoint[];
  readonly target: readonly Endpoint[];
  readonly lost: string;
  readonly extensible: boolean;
  readonly fields: readonly FieldDeclaration[];
}

type FieldValue<Field> = Field extends readonly [string, 'u64']
  ? Word64
  : Field extends readonly [string, 'bool']
    ? boolean
    : Field extends readonly [string, 'text', number]
      ? string
      : Field extends readonly [string, 'bytes', number]
        ? Uint8Array
        : Field extends readonly [string, 'choice', infer Names extends readonly string[]]
          ? Names[number]
          : Field extends readonly [string, 'list', number, infer Fields]
            ? readonly FieldsOf<Fields>[]
            : number;

type FieldsOf<Fields> = Fields extends readonly (readonly [string, ...unknown[]])[]
  ? { readonly [Field in Fields[number] as Field[0]]: FieldValue<Field> }
  : never;

export type ControlKind = keyof typeof CONTROL_MESSAGES;

/** The closed union of all control messages, on `kind`. */
export type ControlMessage = {
  [Kind in ControlKind]: ControlMessageOf<Kind>;
}[ControlKind];

export type ControlMessageOf<Kind extends ControlKind> = { readonly kind: Kind } & FieldsOf<
  (typeof CONTROL_MESSAGES)[Kind]['fields']
>;

export type Hello = ControlMessageOf<'hello'>;
export type Welcome = ControlMessageOf<'welcome'>;
export type WelcomeBucket = Welcome['buckets'][number];
export type WelcomeAddress = Welcome['addresses'][number];

/** The declaration of a message in the general form that codec and documentation walk. */
export function controlDeclaration(kind: ControlKind): MessageDeclaration {
  return CONTROL_MESSAGES[kind];
}
