from deploy.local.programs.stack_programs import without_credentials


def test_a_displayed_address_has_no_password() -> None:
    assert without_credentials("postgresql://user:p@ss@db.example:5432/name?x=1") == "db.example:5432"
