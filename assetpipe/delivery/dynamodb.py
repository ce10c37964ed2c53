"""The catalog for S3: one DynamoDB table.

    PK                        SK                    what                                    written when
    CATEGORIES                <category>            that there is one                       an asset is new
    CATEGORY#<category>       PRODUCT#<asset>       the entry: what is current              its sequence is higher
    PRODUCT#<cat>/<asset>     VERSION#<sequence>    one move of the pointer                 with it
    PRODUCT#<cat>/<asset>     ASSET#<sequence>#<level>  one file of it                      with it
    RUN#<id>                  ...                   a batch's; not ours

    by_age      PK1 CATEGORY#<category>            SK1 <updated>#<asset>
    by_status   PK2 CATEGORY#<category>#<status>   SK2 <updated>#<asset>

Entries lie in the partition of their category, not of their product, for indexes are made from a listing that must see
every write before it, and only a table, not its secondary indexes, can be read so. A partition takes a thousand writes
per second. All of a publish is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from assetpipe.delivery.catalog import Entry, Move, Page
from assetpipe.delivery.dynamodb_errors import explained
from assetpipe.delivery.entry_json import files_from_json, files_to_json
from assetpipe.delivery.faults import code_of
from assetpipe.delivery.pointer import Status, pause
from assetpipe.delivery.tokens import after_token, read_token
from assetpipe.errors import TryAgain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef, KeySchemaElementTypeDef

WRITERS = 8
"""Requests at a time."""
CONFLICTS = 60
"""Tries while other transactions hold the same items."""
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class DynamoCatalog:
    client: DynamoDBClient
    table: str

    @property
    def place(self) -> str:
        return f"DynamoDB table {self.table}"

    def record(self, entry: Entry) -> bool:
        new = self.get(entry.category, entry.asset)
        if new and new.sequence >= entry.sequence:
            return False
        writes = [self._current(entry), *self._log(entry)]
        if new is None:
            writes.append(self._put({"PK": _s("CATEGORIES"), "SK": _s(entry.category)}))
        return self._transact(writes)

    def record_all(self, entries: Iterable[Entry]) -> None:
        """Side by side: a transaction of several would fail as a whole."""
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(self.record, entries))

    def get(self, category: str, asset: str) -> Entry | None:
        answer = self._call(
            lambda: self.client.get_item(TableName=self.table, Key=_name(category, asset), ConsistentRead=True)
        )
        return _entry(answer["Item"]) if "Item" in answer else None

    def listing(self, category: str) -> Iterator[Entry]:
        return map(_entry, self._query(PK=f"CATEGORY#{category}"))

    def query(self, category: str, *, status: Status | None = None, limit: int = 100, after: str = "") -> Page:
        index, number = ("by_status", "2") if status else ("by_age", "1")
        key = f"CATEGORY#{category}#{status}" if status else f"CATEGORY#{category}"
        condition, values = f"PK{number} = :key", {":key": _s(key)}
        if after:
            condition = f"{condition} AND SK{number} < :after"
            values = {**values, ":after": _s(_age(*read_token(after)))}
        answer = self._call(
            lambda: self.client.query(
                TableName=self.table,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=limit + 1,
            )
        )
        rows = answer["Items"]
        page = tuple(map(_entry, rows[:limit]))
        more = len(rows) > limit or (bool(page) and "LastEvaluatedKey" in answer)
        return Page(page, after_token(page[-1].updated, page[-1].asset) if more else "")

    def moves(self, category: str, asset: str) -> list[Move]:
        rows = self._query(PK=f"PRODUCT#{category}/{asset}", SK="VERSION#")
        return [_move(row) for row in reversed(list(rows))]

    def categories(self) -> list[str]:
        return [row["SK"]["S"] for row in self._query(PK="CATEGORIES") if self._has_any(row["SK"]["S"])]

    def announce(self, category: str, asset: str, sequence: int) -> None:
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_name(category, asset),
                UpdateExpression="SET announced = :n",
                ConditionExpression="attribute_exists(PK) AND announced < :n",
                ExpressionAttributeValues={":n": _n(sequence)},
            )
        except (ClientError, BotoCoreError) as error:
            if not _is(error, "ConditionalCheckFailedException"):
                raise explained(error, self.table) from error

    def announce_all(self, told: Iterable[tuple[str, str, int]]) -> None:
        """Side by side: no write of a batch can have a condition, and a transaction fails as a whole."""
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda one: self.announce(*one), told))

    def forget(self, category: str, asset: str) -> None:
        names = [{"PK": row["PK"], "SK": row["SK"]} for row in self._query(PK=f"PRODUCT#{category}/{asset}")]
        for name in [_name(category, asset), *names]:
            self._call(lambda name=name: self.client.delete_item(TableName=self.table, Key=name))  # type: ignore[misc]

    def _current(self, entry: Entry) -> Row:
        """`announced` outlives the entry, so the row is changed, not replaced."""
        fields = {
            "category": _s(entry.category),
            "asset": _s(entry.asset),
            "files": _s(files_to_json(entry)),
            "PK1": _s(f"CATEGORY#{entry.category}"),
            "SK1": _s(_age(entry.updated, entry.asset)),
            "PK2": _s(f"CATEGORY#{entry.category}#{entry.status}"),
            "SK2": _s(_age(entry.updated, entry.asset)),
            **_state(entry),
        }
        sets = [f"#{name} = :{name}" for name in fields]
        return {
            "Update": {
                "TableName": self.table,
                "Key": _name(entry.category, entry.asset),
                "UpdateExpression": f"SET {', '.join(sets)}, announced = if_not_exists(announced, :zero)",
                "ConditionExpression": "attribute_not_exists(PK) OR #sequence < :sequence",
                "ExpressionAttributeNames": {f"#{name}": name for name in fields},
                "ExpressionAttributeValues": {":zero": _n(0), **{f":{name}": value for name, value in fields.items()}},
            }
        }

    def _log(self, entry: Entry) -> list[Row]:
        product = _s(f"PRODUCT#{entry.category}/{entry.asset}")
        version = {"PK": product, "SK": _s(f"VERSION#{entry.sequence:012d}"), **_state(entry)}
        files = [
            {
                "PK": product,
                "SK": _s(f"ASSET#{entry.sequence:012d}#{file.level}"),
                "key": _s(file.key),
                "sha256": _s(file.sha256),
                "bytes": _n(file.bytes),
                "triangles": _n(file.triangles),
            }
            for file in entry.files
        ]
        return [self._put(row) for row in (version, *files)]

    def _put(self, row: Row) -> Row:
        return {"Put": {"TableName": self.table, "Item": row}}

    def _transact(self, writes: Sequence[Row]) -> bool:
        for attempt in range(CONFLICTS):
            try:
                self.client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]  # rows of our own making
                return True
            except (ClientError, BotoCoreError) as error:
                reasons = _reasons(error)
                if "ConditionalCheckFailed" in reasons:
                    return False
                if "TransactionConflict" not in reasons and not _is(error, "TransactionConflictException"):
                    raise explained(error, self.table) from error
                pause(attempt)
        raise TryAgain("E_CATALOG_BUSY", f"{self.place}: others kept writing the same asset", hint="publish again")

    def _has_any(self, category: str) -> bool:
        return next(self._query(PK=f"CATEGORY#{category}", page=1), None) is not None

    def _query(self, *, PK: str, SK: str = "", page: int = 1_000) -> Iterator[Row]:  # noqa: N803  # the table's names
        condition, values = "PK = :pk", {":pk": _s(PK)}
        if SK:
            condition, values = f"{condition} AND begins_with(SK, :sk)", {**values, ":sk": _s(SK)}
        more: Row = {}
        while True:
            answer = self._call(
                lambda more=more: self.client.query(  # type: ignore[misc]
                    TableName=self.table,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ConsistentRead=True,
                    Limit=page,
                    **more,
                )
            )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _call(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (ClientError, BotoCoreError) as error:
            raise explained(error, self.table) from error


def create_table(client: DynamoDBClient, name: str) -> None:
    """On demand, with point-in-time recovery; returns when it can be used."""
    client.create_table(**table_definition(name))
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    client.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def table_definition(name: str) -> CreateTableInputTypeDef:
    """Of CreateTable, and of CloudFormation's AWS::DynamoDB::Table."""
    attributes = ("PK", "SK", "PK1", "SK1", "PK2", "SK2")
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"} for attribute in attributes],
        "KeySchema": _schema("PK", "SK"),
        "GlobalSecondaryIndexes": [
            {"IndexName": "by_age", "KeySchema": _schema("PK1", "SK1"), "Projection": {"ProjectionType": "ALL"}},
            {"IndexName": "by_status", "KeySchema": _schema("PK2", "SK2"), "Projection": {"ProjectionType": "ALL"}},
        ],
    }


def _schema(partition: str, order: str) -> list[KeySchemaElementTypeDef]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": order, "KeyType": "RANGE"}]


def _name(category: str, asset: str) -> Row:
    return {"PK": _s(f"CATEGORY#{category}"), "SK": _s(f"PRODUCT#{asset}")}


def _state(entry: Entry) -> Row:
    return {
        "revision": _s(entry.revision),
        "sequence": _n(entry.sequence),
        "status": _s(entry.status),
        "updated": _n(entry.updated),
    }


def _entry(row: Mapping[str, Any]) -> Entry:
    move = _move(row)
    return Entry(
        row["category"]["S"],
        row["asset"]["S"],
        move.revision,
        move.sequence,
        move.status,
        move.updated,
        files_from_json(row["files"]["S"]),
        int(row.get("announced", {"N": "0"})["N"]),
    )


def _move(row: Mapping[str, Any]) -> Move:
    status: Status = "rolled_back" if row["status"]["S"] == "rolled_back" else "live"
    return Move(int(row["sequence"]["N"]), row["revision"]["S"], status, float(row["updated"]["N"]))


def _age(updated: float, asset: str) -> str:
    """Texts in the order of (updated, asset), to the microsecond."""
    return f"{updated:018.6f}#{asset}"


def _s(value: str) -> dict[str, str]:
    return {"S": value}


def _n(value: float) -> dict[str, str]:
    return {"N": repr(value)}


def _reasons(error: Exception) -> set[str]:
    """Why a transaction was cancelled, one code for each of its writes."""
    return {reason.get("Code", "") for reason in getattr(error, "response", {}).get("CancellationReasons", [])}


def _is(error: Exception, code: str) -> bool:
    return isinstance(error, ClientError) and code_of(error) == code
