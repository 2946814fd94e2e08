import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib.tokens import MAX_DELIVERY_KEY, MAX_LINK, MAX_SEQ, BadToken, Claim, Purpose, Signer

OLD, NEW = b"o" * 32, b"n" * 32
signer = Signer({1: NEW}, current=1)

purposes = st.sampled_from(Purpose)
delivery_keys = st.integers(0, MAX_DELIVERY_KEY)
seqs = st.integers(0, MAX_SEQ)
link_numbers = st.integers(0, MAX_LINK)


@given(purposes, delivery_keys, seqs, link_numbers)
def test_a_token_says_what_was_signed_in_both_of_its_forms(purpose, delivery_key, seq, link):
    claim = Claim(purpose, delivery_key, seq, link)

    assert signer.read(signer.sign(purpose, delivery_key, seq, link), purpose) == claim
    assert signer.read(signer.sign_caseless(purpose, delivery_key, seq, link), purpose) == claim


@given(purposes, delivery_keys, seqs, link_numbers)
def test_signing_for_a_delivery_gives_the_same_tokens(purpose, delivery_key, seq, link):
    sign_caseless = signer.for_delivery_caseless(purpose, delivery_key)

    (token,), caseless = signer.for_delivery_together(delivery_key, [(purpose, link)])(seq)

    assert token == signer.sign(purpose, delivery_key, seq, link)
    assert caseless == signer.sign_caseless(purpose, delivery_key, seq, link)
    assert sign_caseless(seq) == signer.sign_caseless(purpose, delivery_key, seq)


@pytest.mark.parametrize("signed", Purpose)
@pytest.mark.parametrize("used", Purpose)
def test_a_token_serves_its_own_purpose_only(signed, used):
    token = signer.sign(signed, 7, 8)

    if signed == used:
        assert signer.read(token, used).seq == 8
    else:
        with pytest.raises(BadToken):
            signer.read(token, used)


@given(st.data())
def test_a_changed_character_is_noticed(data):
    token = signer.sign(Purpose.UNSUBSCRIBE, 123456789, 42)
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("ABCabc019-_").filter(lambda c: c != token[at]))

    with pytest.raises(BadToken):
        signer.read(token[:at] + character + token[at + 1 :], Purpose.UNSUBSCRIBE)


@given(st.text())
def test_what_is_no_token_is_refused_and_nothing_else_happens(text):
    with pytest.raises(BadToken):
        signer.read(text, Purpose.CLICK)


@pytest.mark.parametrize("damage", [" {}", "{}\n", "{}=", "{}A", "+{}"])
def test_a_token_has_one_spelling(damage):
    token = signer.sign(Purpose.OPEN, 1, 1)

    with pytest.raises(BadToken):
        signer.read(damage.format(token), Purpose.OPEN)


def test_the_caseless_form_survives_a_change_of_case_and_fits_the_part_before_an_at_sign():
    token = signer.sign_caseless(Purpose.BOUNCE, MAX_DELIVERY_KEY, MAX_SEQ)

    assert signer.read(token.upper(), Purpose.BOUNCE).seq == MAX_SEQ
    assert len(f"b-{token}") <= 64


def test_old_keys_verify_after_a_new_one_signs():
    before = Signer({1: OLD}, current=1).sign(Purpose.CLICK, 5, 6, 7)
    both = Signer({1: OLD, 2: NEW}, current=2)

    assert both.read(before, Purpose.CLICK).link == 7
    assert both.sign(Purpose.CLICK, 5, 6, 7) != before


def test_a_key_that_is_gone_verifies_nothing():
    token = Signer({1: OLD}, current=1).sign(Purpose.CLICK, 5, 6)

    with pytest.raises(BadToken):
        Signer({2: NEW}, current=2).read(token, Purpose.CLICK)


def test_the_number_of_a_key_is_part_of_what_is_signed():
    token = Signer({1: OLD}, current=1).sign(Purpose.CLICK, 5, 6)

    with pytest.raises(BadToken):
        Signer({1: NEW}, current=1).read(token, Purpose.CLICK)


@pytest.mark.parametrize(
    ("keys", "current"), [({1: b"short"}, 1), ({1: NEW}, 2), ({300: NEW}, 300), ({}, 1), ({1: b"x" * 65}, 1)]
)
def test_keys_that_would_not_protect_are_refused(keys, current):
    with pytest.raises(ValueError):
        Signer(keys, current=current)


@pytest.mark.parametrize(
    ("delivery_key", "seq", "link"), [(2**63, 0, 0), (0, 2**32, 0), (0, 0, 2**16), (-1, 0, 0)]
)
def test_what_does_not_fit_is_not_signed(delivery_key, seq, link):
    with pytest.raises(ValueError):
        signer.sign(Purpose.CLICK, delivery_key, seq, link)
