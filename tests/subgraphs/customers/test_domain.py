"""What a CPF, an address, a telephone number, a name and a password may be."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.customers.domain.contact import email_key, parse_email, parse_phone
from subgraphs.customers.domain.cpf import complete_cpf, mask_cpf, parse_cpf
from subgraphs.customers.domain.customer import check_registration, parse_name
from subgraphs.customers.domain.password import is_strong_enough
from subgraphs.customers.domain.session import RefreshToken, Verdict, judge
from subgraphs.customers.errors import Reason, Refused

NINE_DIGITS = st.from_regex(r"[0-9]{9}", fullmatch=True).filter(lambda digits: len(set(digits)) > 1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("written", ["52998224725", "529.982.247-25", " 529982247-25 "])
def test_a_cpf_is_taken_with_and_without_punctuation(written: str) -> None:
    assert parse_cpf(written) == "52998224725"


@given(NINE_DIGITS)
def test_every_completed_cpf_is_valid_in_both_spellings(nine: str) -> None:
    digits = complete_cpf(nine)
    assert parse_cpf(digits) == digits
    assert parse_cpf(f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}") == digits


# Modulo 11 finds every single wrong digit, but for a check digit's 0 that stands for 10 as well as for 0.
@given(NINE_DIGITS, st.integers(9, 10), st.integers(1, 9))
def test_a_wrong_check_digit_is_refused(nine: str, position: int, off: int) -> None:
    digits = complete_cpf(nine)
    wrong = digits[:position] + str((int(digits[position]) + off) % 10) + digits[position + 1 :]
    assert parse_cpf(wrong) is None


@pytest.mark.parametrize("digit", "0123456789")
def test_eleven_times_the_same_digit_is_no_cpf_although_its_check_digits_hold(digit: str) -> None:
    assert complete_cpf(digit * 9) == digit * 11
    assert parse_cpf(digit * 11) is None


@given(st.text(max_size=20))
def test_whatever_is_taken_as_a_cpf_is_eleven_ascii_digits(text: str) -> None:
    digits = parse_cpf(text)
    assert digits is None or (len(digits) == 11 and digits.isascii() and digits.isdigit())


@pytest.mark.parametrize("text", ["", "5299822472", "529982247250", "529-982-247.25", "５２９９８２２４７２５", "abc"])
def test_what_is_not_written_like_a_cpf_is_refused(text: str) -> None:
    assert parse_cpf(text) is None


def test_a_masked_cpf_shows_the_middle_six_digits() -> None:
    assert mask_cpf("52998224725") == "***.982.247-**"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Ana@EXAMPLE.com ", "Ana@example.com"),
        ("x@xn--bcher-kva.example", "x@bücher.example"),
        ("no-at-sign", None),
        ("a@b", None),
        ("ana@localhost", None),
        ("a\x00b@example.com", None),
        ("a\ud800@example.com", None),
        ("a" * 250 + "@example.com", None),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str | None) -> None:
    assert parse_email(text) == address


def test_addresses_that_differ_in_case_are_one() -> None:
    assert email_key("Ana@Example.COM") == email_key("ana@example.com")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("(11) 98765-4321", "+5511987654321"),
        ("11 3456-7890", "+551134567890"),
        ("+55 11 98765 4321", "+5511987654321"),
        ("+1 415 555 2671", "+14155552671"),
        ("+55 123", None),
        ("98765-4321", None),
        ("+0123456789", None),
        ("1" * 50, None),
    ],
)
def test_telephone_numbers_become_e164(text: str, number: str | None) -> None:
    assert parse_phone(text) == number


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Ana   de Souza ", "Ana de Souza"),
        ("José", "José"),
        ("A", None),
        ("1234", None),
        ("Ana\x00", None),
        ("Ana\u202e", None),
        ("x" * 121, None),
        ("x" * 100_000, None),
    ],
)
def test_a_name_is_visible_text_with_letters(text: str, name: str | None) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "password", ["short7!", "12345678", "Senha123", "aaaaaaaabbbb", "x1-souza-2", "correct horse" * 10]
)
def test_weak_passwords_are_refused(password: str) -> None:
    assert not is_strong_enough(password, "souza@example.com")


@pytest.mark.parametrize("password", ["uma frase longa", "Tr0ub4dor&3", "açaí-é-bom"])
def test_length_is_what_makes_a_password_good(password: str) -> None:
    assert is_strong_enough(password, "souza@example.com")


# A form shows all its mistakes at once.
@pytest.mark.parametrize(
    ("birth_date", "taken"),
    [("2026-11-25", True), ("2026-11-26", False), ("2026-11-27", False), ("1906-11-26", True), ("1906-11-25", False)],
)
def test_a_birth_date_lies_before_today_in_brazil_and_at_most_120_years_back(birth_date: str, taken: bool) -> None:
    """At half past eleven in the evening in São Paulo the next day has begun in UTC."""
    outcome = check_registration(
        name="Ana",
        email="ana@example.com",
        password="uma frase longa",
        birth_date=date.fromisoformat(birth_date),
        cpf="52998224725",
        phone=None,
        now=datetime(2026, 11, 27, 2, 30, tzinfo=UTC),
    )
    assert (outcome == [Refused(Reason.INVALID_INPUT, "birthDate")]) is not taken


def test_everything_wrong_with_a_registration_is_said_together() -> None:
    wrong = {"name": "", "email": "x", "password": "x", "cpf": "1", "phone": "1"}
    outcome = check_registration(**wrong, birth_date=date(2030, 1, 1), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert outcome == [
        Refused(Reason.INVALID_INPUT, "name"),
        Refused(Reason.INVALID_INPUT, "email"),
        Refused(Reason.WEAK_PASSWORD, "password"),
        Refused(Reason.INVALID_INPUT, "birthDate"),
        Refused(Reason.INVALID_INPUT, "cpf"),
        Refused(Reason.INVALID_INPUT, "phone"),
    ]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.ROTATE),
        ({"used_at": NOW}, Verdict.REUSED),
        ({"expires_at": NOW}, Verdict.DEAD),
        ({"session_expires_at": NOW}, Verdict.DEAD),
        ({"session_ended_at": NOW}, Verdict.DEAD),
        ({"session_ended_at": NOW, "used_at": NOW}, Verdict.DEAD),
    ],
)
def test_a_refresh_token_works_once_within_its_life(changes: dict[str, datetime], verdict: Verdict) -> None:
    later = NOW + timedelta(seconds=1)
    facts: dict[str, Any] = {
        "expires_at": later,
        "used_at": None,
        "session_expires_at": later,
        "session_ended_at": None,
        **changes,
    }
    assert judge(RefreshToken(uuid4(), uuid4(), **facts), NOW) is verdict
