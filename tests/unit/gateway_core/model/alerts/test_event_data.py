"""Every event that a rule can name has a schema, an example in the documentation and a sentence."""

import pytest

from gateway_core.model.alerts import event_types
from gateway_core.model.alerts.event_data import EVENT_DATA, check_event
from gateway_core.model.alerts.wording import MAX_SENTENCE_CHARACTERS, SENTENCES, sentence_of
from tools.pages.alert_examples import example_of

LONG = "A name that is as long as the longest name which the gateway accepts for anything" * 3


def test_every_event_that_a_rule_can_name_has_a_schema() -> None:
    assert EVENT_DATA.keys() == set(event_types.OF_RULES)


def test_every_event_has_words_of_its_own() -> None:
    assert SENTENCES.keys() == {
        *event_types.OF_RULES,
        event_types.ALERT_CLOSED,
        event_types.CHANNEL_DISABLED,
        event_types.EXPORT_READY,
        event_types.EXPORT_FAILED,
        event_types.DIGEST,
        event_types.TEST,
    }


@pytest.mark.parametrize("event_type", event_types.OF_RULES)
def test_the_example_of_the_documentation_is_valid(event_type: str) -> None:
    check_event(event_type, example_of(event_type))


@pytest.mark.parametrize("event_type", event_types.OF_RULES)
def test_a_field_that_the_schema_does_not_know_is_noticed(event_type: str) -> None:
    with pytest.raises(ValueError, match="unknownField"):
        check_event(event_type, {**example_of(event_type), "unknownField": 1})


@pytest.mark.parametrize("event_type", event_types.OF_RULES)
def test_a_sentence_is_bounded_and_has_no_gaps(event_type: str) -> None:
    example = example_of(event_type)
    sentence = sentence_of(event_type, example)
    assert "None" not in sentence
    assert "  " not in sentence
    long = sentence_of(event_type, {**example, "scope": {"displayName": LONG}})
    assert len(long) <= MAX_SENTENCE_CHARACTERS


def test_numbers_that_the_api_turned_into_floats_read_the_same() -> None:
    floats = {
        **example_of("credit.low"),
        "credit": {"leftNanoCredits": "70000000000", "daysLeft": 6.0, "lowAtDays": 7.0},
    }
    assert sentence_of("credit.low", floats) == sentence_of("credit.low", example_of("credit.low"))
