"""Every limit of the contract, defined once. A limit that is hit is an error that names it."""

CONTENT_CHARACTERS_MAX = 32_768
QUERY_CHARACTERS_MAX = 10_000
CONTEXT_CHARACTERS_MAX = 1_000
REASON_CHARACTERS_MAX = 1_000
MEMORY_TYPE_CHARACTERS_MAX = 32
LABEL_CHARACTERS_MAX = 128  # session, speaker
TAGS_MAX = 32
SELECTED_MAX = 10_000  # ids of 36 characters: half of what a reply may hold
TAG_CHARACTERS_MAX = 64
METADATA_BYTES_MAX = 8_192
# JSON readers give up at 100 to 255 levels, and metadata lies deeper in an event than in a command.
METADATA_DEPTH_MAX = 32
CONCEPTS_MAX = 50
CONCEPT_NAME_CHARACTERS_MAX = 512
CONCEPT_TYPE_CHARACTERS_MAX = 64
ALIASES_MAX = 32
DERIVED_FROM_MAX = 100
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
# Also accounts and e-mail addresses. Not what patterns of keys, URLs or Redis's hash tags read.
NAMESPACE_PATTERN = r"^[A-Za-z0-9._/:@|+=~'-]{1,128}$"
RELATION_TYPE_CHARACTERS_MAX = 64
# All but letters of any script, their marks, and digits. Spelled out, as no class of letters means
# the same to all that read this pattern: Rust, Python, and readers of JSON Schemas. U+200C and
# U+200D stand within words of Persian and Hindi.
_no_letters = (
    r"\x00-/:-@\[-\^\x60\{-\x7f\x80-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    r"\u2000-\u200b\u200e-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030"
    r"\ue000-\uf8ff\ufe00-\ufe6f\uff00-\uff0f\uff1a-\uff20\ufff0-\uffff"
)
RELATION_TYPE_PATTERN = rf"^[^0-9_{_no_letters}][^{_no_letters}]*( [^{_no_letters}]+)*$"
IDEMPOTENCY_KEY_PATTERN = r"^[\x21-\x7e]+$"
# RediSearch trims tags and separates them with U+001F; neither may change what was sent.
TAG_PATTERN = r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$"
NOT_BLANK_PATTERN = r"\S"
POSITION_PATTERN = r"^[0-9]{1,5}:[0-9]{1,18}$"

MEMORY_IDS_MAX = 500  # of one access message
TOP_K_MAX = 100
LIST_LIMIT_MAX = 200
LIST_OFFSET_MAX = 1_000_000
SPREAD_DEPTH_MAX = 4
SPREAD_LIMIT_MAX = 100
EXPORT_LIMIT_MAX = 1_000
ACCESS_HISTORY_MAX = 1_000
COURSE_POINTS_MAX = 300
GOALS_MAX = 50
GOAL_CHARACTERS_MAX = 200
BATCH_ITEMS_MAX = 500  # of one batch over HTTP
DEAD_LETTERS_MAX = 200  # of one request over HTTP
BENCHMARK_COUNT_MAX = 50_000
BENCHMARK_SEARCHES_MAX = 1_000
HTTP_BODY_BYTES_MAX = 1_048_576
HTTP_BATCH_BYTES_MAX = 16_777_216
RETRIEVED_MAX = 100

RECORD_BYTES_MAX = 1_048_576  # inbox, events, queries, replies: key, headers and value together
VALUE_BYTES_MAX = RECORD_BYTES_MAX - 4_096  # leaves room for key and headers
DEAD_LETTER_BYTES_MAX = 2_097_152
FUTURE_SKEW_SECONDS_DEFAULT = 300
TIMEOUT_MS_MAX = 600_000
TIMEOUT_MS_DEFAULT = 25_000

# Times are whole milliseconds, UTC, between the years 1 and 9999: what RFC 3339 can say.
TIME_MS_MIN = -62_135_596_800_000
TIME_MS_MAX = 253_402_300_799_999
