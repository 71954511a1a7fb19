"""Keys of KMS, who may use them, and the stream of the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.conftest import EVERYTHING, MakeStack, Stack

INFERENCE = {"ChatCompletionsRole", "MessagesRole", "ResponsesRole", "GenerateContentRole", "CountTokensRole"}
ONE_ROW = {
    "Null": {
        "kms:ViaService": True,
        "kms:EncryptionContext:tenant": False,
        "kms:EncryptionContext:provider": False,
        "kms:EncryptionContext:record": False,
    },
    "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["tenant", "provider", "record"]},
}
"""Asked of KMS directly, with each of the three words and no other."""


def policy(stack: Stack, name: str) -> Mapping[str, Any]:
    [statement] = stack.resources[name]["Properties"]["PolicyDocument"]["Statement"]
    return dict(statement)


def attached(stack: Stack, name: str) -> set[str]:
    roles = stack.of("AWS::IAM::Role").items()
    return {role for role, given in roles if {"Ref": name} in given.get("ManagedPolicyArns", [])}


def test_nothing_is_stored_for_tenants_unless_it_is_asked_for(make_stack: MakeStack) -> None:
    stack = make_stack()

    assert not stack.of("AWS::KMS::Key")
    assert not stack.of("AWS::KMS::Alias")
    assert "StoredProviderKeys" not in json.dumps(stack.template)


def test_the_data_plane_may_only_decrypt_what_tenants_store_and_only_row_by_row(make_stack: MakeStack) -> None:
    stack = make_stack(StoredProviderKeys="true")

    decrypt = policy(stack, "DecryptStoredProviderKeys")
    assert decrypt["Action"] == ["kms:Decrypt"]
    assert decrypt["Resource"] == {"Fn::GetAtt": ["StoredProviderKeysKey", "Arn"]}
    assert decrypt["Condition"] == ONE_ROW
    assert attached(stack, "DecryptStoredProviderKeys") == INFERENCE


def test_who_stores_a_provider_key_may_not_read_it_back(make_stack: MakeStack) -> None:
    stack = make_stack(StoredProviderKeys="true")

    encrypt = policy(stack, "EncryptStoredProviderKeys")
    assert encrypt["Action"] == ["kms:Encrypt", "kms:GenerateDataKey"]
    assert encrypt["Condition"] == ONE_ROW
    assert not attached(stack, "EncryptStoredProviderKeys") & attached(stack, "DecryptStoredProviderKeys")


def test_every_key_of_kms_is_rotated_and_the_one_that_matters_is_kept(make_stack: MakeStack) -> None:
    stack = make_stack(**EVERYTHING)

    assert set(stack.of("AWS::KMS::Key")) == {"StoredProviderKeysKey", "AlarmTopicKey"}
    assert all(key["EnableKeyRotation"] is True for key in stack.of("AWS::KMS::Key").values())
    kept = stack.resources["StoredProviderKeysKey"]
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_key_of_kms_is_open_to_its_own_account_and_to_no_stranger(make_stack: MakeStack) -> None:
    for name, key in make_stack(**EVERYTHING).of("AWS::KMS::Key").items():
        for statement in key["KeyPolicy"]["Statement"]:
            if "Service" in statement["Principal"]:
                assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}, (
                    name
                )
            else:
                assert statement["Principal"]["AWS"]["Fn::Sub"].endswith("${AWS::AccountId}:root"), name


def actions(stack: Stack) -> Iterator[tuple[str, str, Any]]:
    policies = [
        (name, one["PolicyDocument"])
        for name, role in stack.of("AWS::IAM::Role").items()
        for one in role.get("Policies", ())
    ]
    policies += [(name, one["PolicyDocument"]) for name, one in stack.of("AWS::IAM::ManagedPolicy").items()]
    for name, document in policies:
        for statement in document["Statement"]:
            yield from ((name, action, statement["Resource"]) for action in statement["Action"])


def test_with_everything_switched_on_no_role_has_a_wildcard(make_stack: MakeStack) -> None:
    for name, action, resource in actions(make_stack(**EVERYTHING)):
        assert "*" not in json.dumps([action, resource]), name


def test_no_role_may_pass_a_role_or_scan_the_table(make_stack: MakeStack) -> None:
    forbidden = {"iam:PassRole", "dynamodb:Scan", "dynamodb:DeleteItem", "dynamodb:DeleteTable"}

    assert not forbidden & {action for _, action, _ in actions(make_stack(**EVERYTHING))}


def test_the_table_streams_what_was_and_what_is(make_stack: MakeStack) -> None:
    table = make_stack().only("AWS::DynamoDB::Table")

    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_the_table_takes_a_key_of_ones_own(make_stack: MakeStack) -> None:
    own = make_stack(TableKeyArn="arn:aws:kms:us-east-1:1:key/one").only("AWS::DynamoDB::Table")["SSESpecification"]
    managed = make_stack().only("AWS::DynamoDB::Table")["SSESpecification"]

    assert own == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "arn:aws:kms:us-east-1:1:key/one"}
    assert managed == {"SSEEnabled": True, "SSEType": "KMS"}
