from pydantic import BaseModel, ValidationError, field_validator

from gateway_core.model.validation_problems import problems_of


class Entry(BaseModel):
    name: str
    count: int

    @field_validator("name")
    @classmethod
    def _is_lower_case(cls, name: str) -> str:
        if name != name.lower():
            raise ValueError("must be lower case")
        return name


class Document(BaseModel):
    entries: list[Entry]


def test_each_problem_has_its_place_and_its_words_without_the_library_s_prefix() -> None:
    try:
        Document.model_validate({"entries": [{"name": "secret", "count": 1}, {"name": "SECRET", "count": "x"}]})
    except ValidationError as error:
        problems = problems_of(error)
    assert problems[0] == ("entries.1.name", "must be lower case")
    assert problems[1][0] == "entries.1.count"
    assert "SECRET" not in str(problems)
