"""What one process remembers of conversations."""

from authz_service.request.call import NO_CONVERSATION_FACTS, Call, ConversationFacts
from authz_service.sessions import Sessions
from gateway_core.model.routing.conversations import CACHE_LIFE_S, NO_CONVERSATION, Before, Conversation

FOUND = ConversationFacts("ab" * 16, in_tool_loop=True, repeated_results=2, turns=3)


def call(conversation: ConversationFacts = NO_CONVERSATION_FACTS) -> Call:
    return Call("POST", "/v1/chat/completions", (), 10, conversation=conversation)


def test_a_conversation_is_what_the_module_found_under_a_keyed_name() -> None:
    found = Sessions(b"key").conversation_of(call(FOUND), "org")
    assert (found.in_tool_loop, found.has_signed_thinking) == (True, False)
    assert (found.repeated_results, found.turns) == (2, 3)
    assert len(found.session) == 16
    assert found.session not in FOUND.session
    assert Sessions(b"key").conversation_of(call(FOUND), "org") == found, "every replica has the same name for it"
    assert Sessions(b"key").conversation_of(call(FOUND), "other").session != found.session


def test_a_call_without_a_conversation_has_no_session() -> None:
    sessions = Sessions(b"key")
    assert sessions.conversation_of(call(), "org") == NO_CONVERSATION
    assert sessions.conversation_of(call(ConversationFacts("short")), "org").session == ""
    sessions.remember(NO_CONVERSATION, "auto", "light", 10, 0.0)
    assert sessions.before(NO_CONVERSATION, "auto", 1.0) is None


def test_a_choice_is_remembered_and_its_cache_cools() -> None:
    sessions, conversation = Sessions(b"key"), Conversation("ab" * 8)
    assert sessions.before(conversation, "auto", 0.0) is None
    sessions.remember(conversation, "auto", "light", 4_000, 100.0)
    assert sessions.before(conversation, "auto", 100.0 + CACHE_LIFE_S - 1) == Before("light", 4_000)
    assert sessions.before(conversation, "auto", 100.0 + CACHE_LIFE_S) == Before("light", 0)
    assert sessions.before(conversation, "assistant", 101.0) is None


def test_the_memory_is_bounded() -> None:
    sessions = Sessions(b"key", entries=2)
    for number in range(3):
        sessions.remember(Conversation(f"{number:016x}"), "auto", "light", 1, 0.0)
    assert sessions.before(Conversation(f"{0:016x}"), "auto", 0.0) is None
    assert sessions.before(Conversation(f"{2:016x}"), "auto", 0.0) is not None
