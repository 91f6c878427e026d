"""Losses are read as people and `./dev route-eval --losses` write them."""

import pytest
from megarouter_admin.command_line.resources.routing.virtual_models import parse_losses


def test_a_loss_may_have_a_limit_of_a_score() -> None:
    plain, scored = parse_losses(
        ["proofs:ft:gpt-4o-mini:9.25", "proofs:ft:gpt-4o-mini:0.8:score-2<=-40@166989293297764"]
    )
    assert (plain.use_case, plain.model_name, plain.loss_basis_points) == ("proofs", "ft:gpt-4o-mini", 925)
    assert not plain.HasField("score_limit")
    assert (scored.use_case, scored.model_name, scored.loss_basis_points) == ("proofs", "ft:gpt-4o-mini", 80)
    limit = scored.score_limit
    assert (limit.number, limit.at_most, limit.weights_version) == (2, -40, 166989293297764)


@pytest.mark.parametrize(
    "text", ["proofs", "proofs:m:x", "proofs:m:1:score-5<=1@2", "proofs:m:1:score-1<=1", ":score-1<=1@2"]
)
def test_what_is_no_loss_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_losses([text])
