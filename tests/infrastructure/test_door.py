"""What stands before the functions: API Gateway's own answers, the domain, the web ACL, the function URL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.infrastructure.conftest import MakeStack, Translated

KINDS = {
    "ACCESS_DENIED": (403, "permission_error", "permission_error"),
    "API_CONFIGURATION_ERROR": (500, "internal_error", "internal_error"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "internal_error", "internal_error"),
    "AUTHORIZER_FAILURE": (500, "internal_error", "internal_error"),
    "BAD_REQUEST_BODY": (400, "invalid_request", "invalid_json"),
    "BAD_REQUEST_PARAMETERS": (400, "invalid_request", "invalid_value"),
    "DEFAULT_4XX": (None, "invalid_request", "invalid_value"),
    "DEFAULT_5XX": (500, "internal_error", "internal_error"),
    "EXPIRED_TOKEN": (404, "not_found", "unknown_route"),
    "INTEGRATION_FAILURE": (500, "internal_error", "internal_error"),
    "INTEGRATION_TIMEOUT": (504, "timeout", "provider_timeout"),
    "INVALID_API_KEY": (401, "authentication_error", "invalid_api_key"),
    "INVALID_SIGNATURE": (404, "not_found", "unknown_route"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not_found", "unknown_route"),
    "QUOTA_EXCEEDED": (429, "rate_limit", "requests_per_minute"),
    "REQUEST_TOO_LARGE": (413, "invalid_request", "request_too_large"),
    "RESOURCE_NOT_FOUND": (404, "not_found", "unknown_route"),
    "THROTTLED": (429, "rate_limit", "requests_per_minute"),
    "UNAUTHORIZED": (401, "authentication_error", "invalid_api_key"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "invalid_request", "unsupported_media_type"),
    "WAF_FILTERED": (403, "permission_error", "permission_error"),
}
"""Every type of gateway response -> status, type and code of our error table.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html, as of 2026-11.
"""

SAFE = {"BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS"}
"""Said only by request validators, of which there are none; elsewhere API Gateway may quote a header."""


def answers(translated: Translated) -> dict[str, Any]:
    found: dict[str, Any] = translated.only("AWS::ApiGateway::RestApi")["Body"]["x-amazon-apigateway-gateway-responses"]
    return found


def body(response: dict[str, Any]) -> str:
    text: str = response["responseTemplates"]["application/json"]
    return text


def headers(response: dict[str, Any]) -> dict[str, str]:
    return {name.removeprefix("gatewayresponse.header."): to for name, to in response["responseParameters"].items()}


def test_every_type_of_answer_that_api_gateway_has_is_ours(translated: Translated) -> None:
    assert set(answers(translated)) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gateways_own_answer_is_in_our_shape(translated: Translated, kind: str) -> None:
    response = answers(translated)[kind]

    error = json.loads(body(response).replace("$context.error.messageString", '"why"'))["error"]

    assert set(error) == {"message", "type", "param", "code"}
    status, type_, code = KINDS[kind]
    assert response.get("statusCode") == (str(status) if status else None)
    assert (error["type"], error["code"]) == (type_, code)
    assert headers(response)["x-request-id"] == "context.requestId"


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - SAFE))
def test_the_gateways_own_answer_quotes_nothing_of_the_request(translated: Translated, kind: str) -> None:
    assert "messageString" not in body(answers(translated)[kind])


def test_a_limit_of_api_gateway_says_whether_and_when_to_come_back(translated: Translated) -> None:
    throttled, exhausted = headers(answers(translated)["THROTTLED"]), headers(answers(translated)["QUOTA_EXCEEDED"])

    assert (throttled["retry-after"], throttled["x-should-retry"]) == ("'1'", "'true'")
    assert exhausted["x-should-retry"] == "'false'"
    assert "retry-after" not in exhausted


def test_without_a_domain_the_api_is_reached_at_its_own_address(make_stack: MakeStack) -> None:
    stack = make_stack()

    assert not stack.of("AWS::ApiGateway::DomainName")
    assert not stack.of("AWS::ApiGateway::BasePathMapping")
    assert endpoint(stack)["disableExecuteApiEndpoint"] is False
    assert "execute-api" in json.dumps(stack.outputs["Url"]["Value"])


def test_a_domain_is_modern_and_closes_the_other_address(make_stack: MakeStack) -> None:
    stack = make_stack(DomainName="llm.example.com", CertificateArn="arn:aws:acm:us-east-1:1:certificate/one")

    domain = stack.only("AWS::ApiGateway::DomainName")
    assert domain["SecurityPolicy"] == "TLS_1_2"
    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert domain["RegionalCertificateArn"] == "arn:aws:acm:us-east-1:1:certificate/one"
    assert stack.only("AWS::ApiGateway::BasePathMapping") == {
        "DomainName": {"Ref": "Domain"},
        "RestApiId": {"Ref": "Api"},
        "Stage": {"Ref": "ApiStage"},
    }
    assert endpoint(stack)["disableExecuteApiEndpoint"] is True
    assert stack.outputs["Url"]["Value"] == {"Fn::Sub": "https://${DomainName}"}
    assert "DomainTarget" in stack.outputs


def endpoint(stack: Translated) -> dict[str, Any]:
    [server] = stack.only("AWS::ApiGateway::RestApi")["Body"]["servers"]
    given: dict[str, Any] = server["x-amazon-apigateway-endpoint-configuration"]
    return given


def test_there_is_no_web_acl_unless_it_is_asked_for(make_stack: MakeStack) -> None:
    stack = make_stack()

    assert not [name for name, one in stack.resources.items() if one["Type"].startswith("AWS::WAFv2::")]
    assert "WebAclLog" not in stack.resources


def test_the_web_acl_stands_before_the_stage(make_stack: MakeStack) -> None:
    stack = make_stack(Waf="true")

    association = stack.only("AWS::WAFv2::WebACLAssociation")
    address, names = association["ResourceArn"]["Fn::Sub"]
    assert address.endswith("::/restapis/${Api}/stages/${Served}")
    assert names == {"Served": {"Ref": "ApiStage"}}
    assert association["WebACLArn"] == {"Fn::GetAtt": ["WebAcl", "Arn"]}


def test_the_web_acl_bounds_each_address_and_only_counts_what_it_finds_in_prompts(make_stack: MakeStack) -> None:
    rules = {
        rule["Name"]: rule
        for rule in make_stack(Waf="true", WafRequestsPerFiveMinutes=100).only("AWS::WAFv2::WebACL")["Rules"]
    }

    rate = rules["rate"]["Statement"]["RateBasedStatement"]
    common = rules["common"]["Statement"]["ManagedRuleGroupStatement"]
    assert (rate["Limit"], rate["AggregateKeyType"], rules["rate"]["Action"]) == (100, "IP", {"Block": {}})
    assert (common["VendorName"], common["Name"]) == ("AWS", "AWSManagedRulesCommonRuleSet")
    assert {each["Name"] for each in common["RuleActionOverrides"]} == {
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
    }
    assert all(each["ActionToUse"] == {"Count": {}} for each in common["RuleActionOverrides"])


def test_the_log_of_the_web_acl_holds_no_key(make_stack: MakeStack) -> None:
    stack = make_stack(Waf="true")

    redacted = stack.only("AWS::WAFv2::LoggingConfiguration")["RedactedFields"]
    names = {field["SingleHeader"]["Name"] for field in redacted if "SingleHeader" in field}
    assert names == {"authorization", "x-api-key", "x-goog-api-key", "x-provider-key", "cookie"}
    assert {"QueryString": {}} in redacted
    assert stack.resources["WebAclLog"]["Properties"]["LogGroupName"]["Fn::Sub"].startswith("aws-waf-logs-")
    assert all(
        rule["VisibilityConfig"]["SampledRequestsEnabled"] is False
        for rule in stack.only("AWS::WAFv2::WebACL")["Rules"]
    )


def test_there_is_no_function_url_unless_it_is_asked_for(make_stack: MakeStack) -> None:
    assert not make_stack().of("AWS::Lambda::Url")


def test_the_function_url_streams_to_signed_requests_only(make_stack: MakeStack) -> None:
    stack = make_stack(FunctionUrl="AWS_IAM")

    assert stack.only("AWS::Lambda::Url") == {
        "TargetFunctionArn": {"Ref": "ChatCompletionsFunction"},
        "Qualifier": "live",
        "AuthType": "AWS_IAM",
        "InvokeMode": "RESPONSE_STREAM",
    }
    assert stack.resources["ChatCompletionsUrl"]["DependsOn"] in stack.resources
