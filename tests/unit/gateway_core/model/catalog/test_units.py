"""Models that cost by the second or by the character."""

import datetime as dt

import pytest

from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.calls.special_requests import Specials
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.catalog.media import audio_seconds, encoded_bytes
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.reserves import BudgetMode
from gateway_core.model.catalog.units import AUDIO_SECOND, CHARACTER, reserve_units, unit_of
from gateway_core.model.catalog.unpriced import Asked
from gateway_core.model.endpoints import Endpoint
from tests.support.data.examples import decided, model, parameters, principal, provider

NO_TOKENS = {"input": 0, "input_audio": 0, "output": 0, "output_audio": 0}


def schedule(**fees: int) -> PriceSchedule:
    return PriceSchedule.model_validate({"effective_date": dt.date(2025, 1, 1), "prices": NO_TOKENS, "fees": fees})


SOUNDING = {
    "effective_date": dt.date(2025, 1, 1),
    "prices": {"input": 10**9, "output": 3 * 10**9, "output_audio": 3 * 10**9},
}
CATALOG = Catalog.model_validate(
    {
        "providers": [provider("acme", stream_options=True)],
        "models": [
            model("hears", schedules=[schedule(audio_second=100_000)]),
            model("speaks", schedules=[schedule(character=15_000)]),
            model("sounding", max_output_tokens=5_000, context_window_tokens=2_000, schedules=[SOUNDING]),
            model("by-token", max_output_tokens=5_000, context_window_tokens=2_000),
        ],
    }
)
PRICES = CatalogView({m.name: m for m in CATALOG.models}, {p.name: p for p in CATALOG.providers})


def asking(
    name: str, endpoint: Endpoint, size: RequestSize, mode: BudgetMode, *, is_unreported: bool = False
) -> Admission | Refusal:
    specials = Specials(Asked(modalities=frozenset({"output_audio"}), is_unreported=is_unreported))
    who = principal(budget_mode=mode, bytes_per_token=4)
    return decided(who, parameters(name, size=size, specials=specials), endpoint, PRICES)


@pytest.mark.parametrize("raw", [0, 1, 2, 3, 4, 5, 749, 750, 751, 8_000, 8_001, 25 * 2**20])
def test_bytes_of_a_form_are_those_of_their_base64(raw: int) -> None:
    assert audio_seconds(encoded_bytes(raw)) == (-(-raw // 8_000), -(-raw // 750))


def test_the_unit_depends_on_the_operation() -> None:
    both = schedule(audio_second=1, character=1)
    assert unit_of(both, Endpoint.TRANSCRIPTIONS) == unit_of(both, Endpoint.TRANSLATIONS) == AUDIO_SECOND
    assert unit_of(both, Endpoint.SPEECH) == CHARACTER
    assert unit_of(both, Endpoint.CHAT_COMPLETIONS) is None
    assert unit_of(schedule(character=1), Endpoint.TRANSCRIPTIONS) is None


@pytest.mark.parametrize(("mode", "amount"), [(BudgetMode.STRICT, 11 * 100_000), (BudgetMode.BALANCED, 100_000)])
def test_seconds_are_reserved_by_the_bytes_of_the_recording(mode: BudgetMode, amount: int) -> None:
    size = RequestSize(body_bytes=encoded_bytes(8_000), audio_bytes=encoded_bytes(8_000))
    reserved = reserve_units(schedule(audio_second=100_000), AUDIO_SECOND, size, mode)
    assert (reserved.input_tokens, reserved.output_tokens, reserved.amount_nano_credits) == (1, 0, amount)


@pytest.mark.parametrize("mode", BudgetMode)
def test_characters_are_reserved_exactly(mode: BudgetMode) -> None:
    admission = asking("speaks", Endpoint.SPEECH, RequestSize(100, characters=7), mode, is_unreported=True)
    assert isinstance(admission, Admission)
    assert (admission.hold.input_tokens, admission.hold.amount_nano_credits) == (7, 7 * 15_000)


def test_a_model_without_a_price_for_sound_does_not_speak() -> None:
    refusal = asking("by-token", Endpoint.SPEECH, RequestSize(100, characters=7), BudgetMode.BALANCED)
    assert isinstance(refusal, Refusal)
    assert (refusal.parameter, "Output audio has no price" in refusal.message) == ("model", True)


@pytest.mark.parametrize(("mode", "output"), [(BudgetMode.STRICT, 5_000), (BudgetMode.BALANCED, 14)])
def test_speech_expects_two_tokens_for_a_character_and_reserves_the_longest(mode: BudgetMode, output: int) -> None:
    admission = asking("sounding", Endpoint.SPEECH, RequestSize(100, characters=7), mode)
    assert isinstance(admission, Admission)
    assert admission.hold.output_tokens == 14
    inputs = 100 if mode is BudgetMode.STRICT else 25
    assert admission.hold.amount_nano_credits == inputs * 1_000 + output * 3_000


def test_sound_that_does_not_say_what_it_used_is_refused() -> None:
    size = RequestSize(100, characters=7)
    refusal = asking("by-token", Endpoint.SPEECH, size, BudgetMode.STRICT, is_unreported=True)
    assert isinstance(refusal, Refusal)
    assert (refusal.parameter, "'sse'" in refusal.message) == ("stream_format", True)
