"""An address that nothing takes is answered by a page in the reader's language."""

import pytest
from django.test import Client


@pytest.mark.parametrize(
    ("language", "said"), [("en", "This can't be read"), ("pt-br", "Isto não pode ser lido")]
)
def test_an_address_that_can_t_be_read_is_answered_in_words(language: str, said: str) -> None:
    answer = Client().get("/login/", {"x": "\0"}, headers={"accept-language": language})

    assert answer.status_code == 400
    assert said in answer.content.decode()
