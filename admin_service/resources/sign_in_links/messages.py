"""Converts sign-in links to messages."""

from megarouter.admin.v1.sign_in_link_pb2 import SignInLink

from admin_service.api.names import ACCESS_TOKENS, MEMBERS, SIGN_IN_LINKS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.sign_in_links.store import SignInLinkRow


def link_name(row: SignInLinkRow) -> ResourceName:
    """Returns the resource name of the link."""
    return ResourceName(row.organization, SIGN_IN_LINKS, row.link)


def link_message(row: SignInLinkRow) -> SignInLink:
    """Returns the link as a resource."""
    token = ResourceName(row.organization, ACCESS_TOKENS, row.access_token) if row.access_token else ""
    return SignInLink(
        name=str(link_name(row)),
        member=str(ResourceName(row.organization, MEMBERS, row.member)),
        expire_time=timestamp(row.expire_time),
        state=SignInLink.State.Value(f"STATE_{row.state}"),
        creator=str(UserResourceName(row.maker)),
        is_from_operator=row.maker_member is None,
        create_time=timestamp(row.create_time),
        use_time=timestamp(row.use_time) if row.use_time else None,
        revoke_time=timestamp(row.revoke_time) if row.revoke_time else None,
        access_token=str(token),
        member_display_name=row.member_display_name,
        creator_display_name=row.maker_display_name,
    )
