"""What the service says about itself (RFC 7644, section 4): configuration, resource types and schemas. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from admin_service.scim.attributes import GROUP_SCHEMA, USER_SCHEMA

MAX_RESULTS: Final = 200
ROOT: Final = "/scim/v2"
DOCUMENTS: Final = frozenset({"ServiceProviderConfig", "ResourceTypes", "Schemas"})
"""Paths of what the service says about itself."""
_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_CONFIGURATION: Final = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_TYPE: Final = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:Schema"
_NO: Final = {"supported": False}


def list_of(resources: Sequence[Mapping[str, Any]], total: int, start: int = 1) -> dict[str, Any]:
    """Returns a page of a list."""
    return {
        "schemas": [_LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


def configuration() -> dict[str, Any]:
    """Returns what of SCIM is supported."""
    return {
        "schemas": [_CONFIGURATION],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": _NO,
        "sort": _NO,
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "SCIM credential",
                "description": "The secret of a SCIM credential of the organization, as a bearer token.",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{ROOT}/ServiceProviderConfig"},
    }


def resource_types() -> list[dict[str, Any]]:
    """Returns the kinds of resources."""
    return [
        {
            "schemas": [_TYPE],
            "id": name,
            "name": name,
            "endpoint": f"/{name}s",
            "description": description,
            "schema": schema,
            "meta": {"resourceType": "ResourceType", "location": f"{ROOT}/ResourceTypes/{name}"},
        }
        for name, schema, description in (
            ("User", USER_SCHEMA, "A member of the organization"),
            ("Group", GROUP_SCHEMA, "A group that the directory created"),
        )
    ]


def schemas() -> list[dict[str, Any]]:
    """Returns the schemas with the attributes that are kept."""
    user = (
        _attribute("userName", "The name with which the user signs in.", required=True, uniqueness="server"),
        _attribute("displayName", "The name to show."),
        _attribute("active", "Whether the user may use the organization.", type="boolean", required=True),
        _complex("name", "The parts of the name.", [_attribute(part, text) for part, text in _NAME_PARTS]),
        _complex(
            "emails",
            "The e-mail addresses.",
            [
                _attribute("value", "The address."),
                _attribute("type", "What the address is for.", canonicalValues=["work", "home", "other"]),
                _attribute("primary", "Whether it is the main address.", type="boolean"),
            ],
            multiValued=True,
        ),
        _complex(
            "groups",
            "The groups of the directory with this user.",
            [
                _attribute("value", "The id of the group.", mutability="readOnly"),
                _reference("$ref", "The URI of the group.", ["Group"], "readOnly"),
                _attribute("display", "The name of the group.", mutability="readOnly"),
                _attribute("type", "Always `direct`.", mutability="readOnly", canonicalValues=["direct"]),
            ],
            multiValued=True,
            mutability="readOnly",
        ),
    )
    group = (
        _attribute("displayName", "The name of the group.", required=True, uniqueness="server"),
        _complex(
            "members",
            "The users in the group.",
            [
                _attribute("value", "The id of the user.", mutability="immutable"),
                _reference("$ref", "The URI of the user.", ["User"], "immutable"),
                _attribute("type", "Always `User`.", mutability="immutable", canonicalValues=["User"]),
            ],
            multiValued=True,
        ),
    )
    return [
        _schema(USER_SCHEMA, "User", "A member of the organization", user),
        _schema(GROUP_SCHEMA, "Group", "A group of members", group),
    ]


_NAME_PARTS: Final = (
    ("formatted", "The full name."),
    ("familyName", "The last name."),
    ("givenName", "The first name."),
    ("middleName", "The middle names."),
    ("honorificPrefix", "Titles before the name."),
    ("honorificSuffix", "Additions after the name."),
)


def _schema(schema: str, name: str, description: str, attributes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "schemas": [_SCHEMA],
        "id": schema,
        "name": name,
        "description": description,
        "attributes": list(attributes),
        "meta": {"resourceType": "Schema", "location": f"{ROOT}/Schemas/{schema}"},
    }


def _attribute(name: str, description: str, **more: object) -> dict[str, Any]:
    return {
        "name": name,
        "type": "string",
        "multiValued": False,
        "description": description,
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
        **more,
    }


def _complex(name: str, description: str, parts: Sequence[Mapping[str, Any]], **more: object) -> dict[str, Any]:
    return _attribute(name, description, type="complex", subAttributes=list(parts), **more)


def _reference(name: str, description: str, types: Sequence[str], mutability: str) -> dict[str, Any]:
    return _attribute(
        name, description, type="reference", referenceTypes=list(types), caseExact=True, mutability=mutability
    )
