"""The one table, drawn as a table. Every key and attribute name of it is built here.

    entity            pk                        sk       attributes
    key and budget    K#<public id>             key      doc st v xp? · d… m… q… u… unc · res · use? · gk gs
    tenant's budget   B#<tenant>                budget   doc st v · d… m… q… u… unc · res · use? · gk gs
    project's budget  J#<n>/<tenant>/<project>  budget   the same; <n> is the length of the tenant's name
    provider keys     P#<tenant>                keys     k#<provider> {s last at} …
    audit entry       A#<year>                  <ms>#…   doc
    cached response   T#<tenant>#cache#<sha>    cache    tn doc ttl
    signed reasoning  T#<tenant>#think#<sha>    think    tn id doc ttl
    circuit breaker   T#<tenant>#break#<sha>    break    tn tg n? w? xu? ttl
    lesson            T#<tenant>#learn#<sha>    learn    tn tg n s ttl
    call run once     I#<public id>#<sha>       once     fp o xp? doc? ttl
    shelved vector    T#<tenant>#shelf#<sha>    <age>#…  tn n vec ttl
    use of a call     U#<public id>#<day>       <at>#…   tn doc ttl
    forfeited hold    U#<pk of a budget>#<day>  <at>#…   doc ttl
    latest hits       H#<public id>             hits     tn use ttl
    use of a day      R#<public id>#<month>     <day>#…  tn pj? · calls, tokens and nano-USD as `Used` names them

    doc        the record as JSON text
    st, v, xp  status, version and expiry of the key, so that a write can compare them
    tn, pj     tenant, compared again on every read; project
    fp, o      fingerprint of the request under an Idempotency-Key, and the attempt that has it; `xp` only while it
               runs, `doc` only where it finished with an answer that fits
    tg         provider/model
    n, w, xu   failures since `w`; until when the model is asked last. Of a lesson: calls, and in `s` the sum of rewards
    s          of a provider key: what the cipher made of it; `last` its last characters, `at` when it was put
    n, vec     what the vector stands for, and its 8-bit coordinates in base64
    ttl        epoch seconds; a read ignores what is past it, DynamoDB deletes it later
    res        {<rid>: {a: nano-USD, o: nonce, x: expiry, d: day, j?: project}}, the holds in flight; without `o` a
               tombstone. `j` is that of the key when it was written; budgets belong to theirs for good
    use        what the last settled call did use, as JSON text: the stream of the table tells every one of them.
               With holds that were forfeited in the same write, and of hits: a list of such. Of a budget: nothing else
               than forfeited holds
    <at>#…     epoch seconds and the nonce of the attempt; <day>#… is followed by provider/model, of calls in a
               project <day>@<project>#…
    d20261122 m202611      nano-USD spent or held in that day, in that month
    q202611221830          calls in that minute
    u20261122 u202611 unc   nano-USD charged without the provider's word: of that day, of that month, ever

The names of windows carry their date, so a new day is an absent attribute and nothing is ever reset.
`<age>` counts milliseconds down, so that the newest vector of a shelf sorts first.
Index `keys_by_tenant` (gk = `K`, gs = <tenant>#<public id>, keys only) lists keys, with gk = `B`, gs = <tenant> the
budgets of tenants and with gk = `J`, gs = <n>/<tenant>/<project> those of projects; reserving and settling touch none
of its attributes, so it costs nothing there. Tenants may contain any character: what follows a tenant in `pk` has a
fixed length and no `#`, or the length of the tenant's name stands before it.

Sources, as of 2026-11-22: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html and
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html.
"""

from __future__ import annotations

import hashlib
import time
from calendar import monthrange
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import filterfalse

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.parts import Wire
from prxy.store.records import Account, ApiKey, Attempted, AuditEntry, Budget, KeyStatus, ProviderKey, Use, budget_id
from prxy.store.table import Item, Value

PARTITION, SORT, TTL = "pk", "sk", "ttl"
TENANT, PROJECT, DOCUMENT = "tn", "pj", "doc"
STATUS, VERSION, EXPIRY, HOLDS, UNCONFIRMED = "st", "v", "xp", "res", "unc"
FINGERPRINT = "fp"
NAME, VECTOR = "n", "vec"
TARGET, FAILURES, SINCE, OPEN_UNTIL = "tg", "n", "w", "xu"
LESSONS, REWARD = "n", "s"
USE = "use"
SEALED, LAST, PUT_AT = "s", "last", "at"
_OF_PROVIDER = "k#"
AMOUNT, NONCE, HOLD_EXPIRY, HOLD_DAY, HOLD_PROJECT = "a", "o", "x", "d", "j"
INDEX, INDEX_PARTITION, INDEX_SORT = "keys_by_tenant", "gk", "gs"
ALL_KEYS, OF_TENANTS, OF_PROJECTS = "K", "B", "J"
_KINDS = {"tenant": OF_TENANTS, "project": OF_PROJECTS}
_LAST_MS = 9_999_999_999_999
"""Of thirteen digits: some day in 2286."""

TABLE: Wire = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in (PARTITION, SORT, INDEX_PARTITION, INDEX_SORT)
    ],
    "KeySchema": [
        {"AttributeName": PARTITION, "KeyType": "HASH"},
        {"AttributeName": SORT, "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": INDEX,
            "KeySchema": [
                {"AttributeName": INDEX_PARTITION, "KeyType": "HASH"},
                {"AttributeName": INDEX_SORT, "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}
"""What CreateTable takes besides the name. In AWS the template makes the table; this is for local stores."""


def api_key_at(key_id: str) -> Item:
    return {PARTITION: f"K#{key_id}", SORT: "key"}


def budget_at(id_: str) -> Item:
    """Of an id that `budget_id` made."""
    kind, _, name = id_.partition("/")
    return {PARTITION: f"{_KINDS[kind]}#{name}", SORT: "budget"}


def projects_prefix(tenant: str) -> str:
    """How `gs` begins for every project of the tenant."""
    return budget_id(tenant, "").partition("/")[2]


def provider_keys_at(tenant: str) -> Item:
    return {PARTITION: f"P#{tenant}", SORT: "keys"}


def provider_key_name(provider: str) -> str:
    """The attribute in which it stands."""
    return f"{_OF_PROVIDER}{provider}"


def audit_partition(year: int) -> str:
    return f"A#{year}"


def cached_response_at(tenant: str, digest: str) -> Item:
    return {PARTITION: f"T#{tenant}#cache#{_sha(digest)}", SORT: "cache"}


def reasoning_at(tenant: str, call_id: str) -> Item:
    """Ids of calls are the client's text, so they are hashed: any length, any character."""
    return {PARTITION: f"T#{tenant}#think#{_sha(call_id)}", SORT: "think"}


def breaker_at(tenant: str, target: str) -> Item:
    """`target`: provider/model."""
    return {PARTITION: f"T#{tenant}#break#{_sha(target)}", SORT: "break"}


def lesson_at(tenant: str, bucket: str, target: str) -> Item:
    """`bucket`: words of a prompt, so they are hashed."""
    return {PARTITION: f"T#{tenant}#learn#{_sha(f'{_sha(bucket)}#{target}')}", SORT: "learn"}


def once_at(key_id: str, word: str) -> Item:
    """`word`: what the client sent in Idempotency-Key."""
    return {PARTITION: f"I#{key_id}#{_sha(word)}", SORT: "once"}


def shelf_partition(tenant: str, shelf: str) -> str:
    return f"T#{tenant}#shelf#{_sha(shelf)}"


def shelved_since(epoch_ms: int) -> str:
    """Sorts before whatever was put on a shelf before that moment, and after what was put there later."""
    return f"{_LAST_MS - epoch_ms:013d}"


def vector_at(tenant: str, shelf: str, name: str, epoch_ms: int) -> Item:
    return {PARTITION: shelf_partition(tenant, shelf), SORT: f"{shelved_since(epoch_ms)}#{_sha(name)[:16]}"}


def hits_at(key_id: str) -> Item:
    """What caches answered stands beside the item of the key: there it would enlarge the writes of every call."""
    return {PARTITION: f"H#{key_id}", SORT: "hits"}


def use_at(owner: str, attempt: Attempted) -> Item:
    """`owner`: the id of a key, or the partition of a budget."""
    return {PARTITION: uses_partition(owner, day_of(attempt.at)), SORT: attempt.name}


def uses_partition(owner: str, day: str) -> str:
    return f"U#{owner}#{day}"


def day_of_use_at(key_id: str, use: Use) -> Item:
    day = day_of(use.at)
    return {PARTITION: days_partition(key_id, day), SORT: f"{use_prefix(day, use.project)}{use.provider}/{use.model}"}


def use_prefix(day: str, project: str | None) -> str:
    """What stands before provider/model in the sort key of a day's use."""
    return f"{day}#" if project is None else f"{day}@{project}#"


def days_partition(key_id: str, day: str) -> str:
    return f"R#{key_id}#{day[:6]}"


def day_of(at: int) -> str:
    """`20261122`."""
    return time.strftime("%Y%m%d", time.gmtime(at))


def tenant_prefix(tenant: str) -> str:
    """How `gs` begins for every key of the tenant."""
    return f"{tenant}#"


def place_of_key(key: ApiKey) -> str:
    """`gs` of a key."""
    return tenant_prefix(key.tenant) + key.id


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_documents = msgspec.json.Decoder(ApiKey)
_budgets = msgspec.json.Decoder(Budget)
_entries = msgspec.json.Decoder(AuditEntry)


def render_api_key(key: ApiKey) -> Item:
    """The attributes that an admin may change. `xp` is absent where the key never expires."""
    item: Item = {DOCUMENT: msgspec.json.encode(key).decode(), STATUS: key.status.value, VERSION: key.version}
    return item if key.expires_at is None else {**item, EXPIRY: key.expires_at}


def render_new_api_key(key: ApiKey) -> Item:
    """The whole item: with the empty map of holds, without which no hold can be set."""
    place = {INDEX_PARTITION: ALL_KEYS, INDEX_SORT: place_of_key(key)}
    return {**api_key_at(key.id), **place, **render_api_key(key), TENANT: key.tenant, HOLDS: {}, UNCONFIRMED: 0}


def parse_api_key(item: Item) -> ApiKey:
    """Where an operator changed status, version or expiry by hand, the attributes hold, not the document."""
    key = _documents.decode(text(item[DOCUMENT]))
    expires_at = number(item[EXPIRY]) if EXPIRY in item else None
    return replace(key, status=KeyStatus(text(item[STATUS])), version=number(item[VERSION]), expires_at=expires_at)


def render_budget(budget: Budget) -> Item:
    """The attributes that an admin may change. A budget is always active: it refuses by its limits."""
    document = msgspec.json.encode(budget).decode()
    return {DOCUMENT: document, STATUS: KeyStatus.ACTIVE.value, VERSION: budget.version}


def render_new_budget(budget: Budget) -> Item:
    """The whole item: with the empty map of holds, without which no hold can be set."""
    kind, _, name = budget.id.partition("/")
    place = {INDEX_PARTITION: _KINDS[kind], INDEX_SORT: name}
    return {**budget_at(budget.id), **place, **render_budget(budget), HOLDS: {}, UNCONFIRMED: 0}


def parse_budget(item: Item) -> Budget:
    return replace(_budgets.decode(text(item[DOCUMENT])), version=number(item[VERSION]))


def parse_account(item: Item) -> Account:
    return parse_api_key(item) if item[SORT] == api_key_at("")[SORT] else parse_budget(item)


def render_audit(entry: AuditEntry) -> Item:
    year = time.gmtime(entry.at_ms // 1000).tm_year
    place = {PARTITION: audit_partition(year), SORT: f"{entry.at_ms:013d}#{entry.nonce}"}
    return {**place, DOCUMENT: msgspec.json.encode(entry).decode()}


def parse_audit(item: Item) -> AuditEntry:
    return _entries.decode(text(item[DOCUMENT]))


def render_provider_key(key: ProviderKey) -> Item:
    return {SEALED: key.sealed, LAST: key.last4, PUT_AT: key.updated_at}


def parse_provider_keys(tenant: str, item: Item) -> Mapping[str, ProviderKey]:
    """All of a tenant's, by provider. A name is what its attribute says, whatever stands in it."""
    rows = {name[len(_OF_PROVIDER) :]: mapping(item[name]) for name in item if name.startswith(_OF_PROVIDER)}
    return {
        provider: ProviderKey(
            tenant=tenant,
            provider=provider,
            sealed=text(row[SEALED]),
            last4=text(row[LAST]),
            updated_at=number(row[PUT_AT]),
        )
        for provider, row in rows.items()
    }


_DATED = frozenset("dmuq")
_UNDATED = frozenset(
    (PARTITION, SORT, INDEX_PARTITION, INDEX_SORT, DOCUMENT, STATUS, VERSION, EXPIRY, TENANT, HOLDS, UNCONFIRMED, USE)
)
"""What else stands in the item of an account."""


class Windows(Struct, frozen=True, kw_only=True):
    """Attribute names of the windows of one minute, and the oldest of each kind that must not be cleaned up yet.

    One window back is kept, since the clocks of two hosts may differ and a call may outlast midnight.
    """

    day: str
    month: str
    minute: str
    oldest_day: str
    oldest_month: str
    oldest_minute: str
    lasting: frozenset[str]
    """Names that are not outdated, whatever else is."""

    def outdated(self, names: Iterable[str]) -> list[str]:
        """Those that count a window that nobody can ask for any more."""
        return [name for name in filterfalse(self.lasting.__contains__, names) if self.outdates(name)]

    def outdates(self, name: str) -> bool:
        """Whether the attribute counts a window that nobody can ask for any more."""
        kind, date = name[:1], name[1:]
        if kind not in _DATED or not date.isdigit():
            return False
        match kind, len(date):
            case (("d" | "u"), 8):
                return date < self.oldest_day[1:]
            case (("m" | "u"), 6):
                return date < self.oldest_month[1:]
            case "q", 12:
                return date < self.oldest_minute[1:]
        return False


def windows(now: int) -> Windows:
    return _windows(now // 60)


@lru_cache(maxsize=16)
def _windows(minute: int) -> Windows:
    now = minute * 60
    today = time.gmtime(now)
    last_month = time.gmtime(now - today.tm_mday * 86_400)
    current = [time.strftime(name, today) for name in ("d%Y%m%d", "m%Y%m", "q%Y%m%d%H%M")]
    this_day, this_month, this_minute = current
    return Windows(
        day=this_day,
        month=this_month,
        minute=this_minute,
        oldest_day=time.strftime("d%Y%m%d", time.gmtime(now - 86_400)),
        oldest_month=time.strftime("m%Y%m", last_month),
        oldest_minute=time.strftime("q%Y%m%d%H%M", time.gmtime(now - 120)),
        lasting=_UNDATED.union(current),
    )


def day_ends_at(now: int) -> int:
    return now - now % 86_400 + 86_400


def month_ends_at(now: int) -> int:
    today = time.gmtime(now)
    days_left = monthrange(today.tm_year, today.tm_mon)[1] - today.tm_mday
    return day_ends_at(now) + days_left * 86_400


def unconfirmed_in(window: str) -> str:
    """Name of the counter that says how much of that day or month is unconfirmed."""
    return "u" + window[1:]


@lru_cache(maxsize=256)
def reservation_id(request_id: str) -> str:
    """The first 96 bits of a SHA-256, in hex: the same event gives the same id in every process."""
    return hashlib.sha256(request_id.encode()).hexdigest()[:24]


def number(value: Value) -> int:
    """Raises TypeError where the attribute is of another kind: nothing of ours wrote it."""
    if isinstance(value, int):
        return value
    raise TypeError(f"A {type(value).__name__} stands where a number belongs.")


def text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"A {type(value).__name__} stands where a text belongs.")


def mapping(value: Value) -> Mapping[str, Value]:
    if isinstance(value, dict):
        return value
    raise TypeError(f"A {type(value).__name__} stands where a map belongs.")
