"""Which readings are believed, what is held off, what two frames must agree on, what is wrong with the view."""

from __future__ import annotations

import math

import pytest

from drivers.contract import Condition, Held
from drivers.scanners.camera import check_digit
from drivers.scanners.camera.agreement import TOGETHER_S, Agreement
from drivers.scanners.camera.holdoff import Holdoff
from drivers.scanners.camera.reading import Engine, Reading
from drivers.scanners.camera.settings import CameraScannerSettings
from drivers.scanners.camera.symbol import EVERYTHING, Symbol, Symbology
from drivers.scanners.camera.trust import Trust
from drivers.scanners.camera.view import View
from tests.support.pictures import Frame, blurred, code, grey, scene

ALONE = Trust(frozenset())
TWICE = Trust(EVERYTHING)
EAN, ITF, QR, CODE_128 = Symbology.EAN_13, Symbology.ITF, Symbology.QR, Symbology.CODE_128


def symbol(text: str, symbology: Symbology = EAN, left: int = 0) -> Symbol:
    corners = (left, 0), (left + 100, 0), (left + 100, 50), (left, 50)
    return Symbol(symbology, text, text.encode(), "]E0", corners)


def zxing(text: str, symbology: Symbology = EAN, left: int = 0, sampling: str = "as it is") -> Reading:
    return Reading(symbol(text, symbology, left), Engine.ZXING, sampling)


def zbar(text: str, symbology: Symbology = EAN, lines: int = 50, sampling: str = "as it is") -> Reading:
    return Reading(symbol(text, symbology), Engine.ZBAR, sampling, lines)


def test_one_good_reading_is_enough_alone() -> None:
    assert ALONE.believed([zxing("A")]) == [symbol("A")]
    assert ALONE.believed([zbar("A")]) == [symbol("A")]


def test_zbar_is_not_believed_on_a_line_or_two() -> None:
    assert ALONE.believed([zbar("A", lines=2)]) == []
    assert ALONE.doubts([zbar("A", lines=2)])


def test_itf_is_never_believed_alone() -> None:
    """Both decoders tell parts of it."""
    assert ALONE.believed([zxing("123456", ITF)]) == []
    assert ALONE.believed([zxing("123456", ITF), zbar("123456", ITF)]) == [symbol("123456", ITF)]


def test_the_part_of_a_code_is_not_told_beside_it() -> None:
    readings = [zxing("1334", ITF), zxing("2167361334", ITF), zbar("2167361334", ITF), zbar("1334", ITF)]
    assert ALONE.believed(readings) == [symbol("2167361334", ITF)]


def test_readings_that_contradict_each_other_are_both_refused() -> None:
    """Where two weak codes lie in one place, nobody knows which it is."""
    readings = [zbar("9074932437075"), zxing("0023942431015")]
    assert ALONE.believed(readings) == []
    assert not ALONE.doubts(readings)


def test_labels_side_by_side_do_not_contradict_each_other() -> None:
    readings = [zxing("A", left=0), zxing("B", left=90)]
    assert ALONE.believed(readings) == [symbol("A", left=0), symbol("B", left=90)]


def test_a_code_with_error_correction_may_lie_in_another() -> None:
    assert len(ALONE.believed([zxing("A", QR), zxing("B", QR)])) == 2


@pytest.mark.parametrize(
    "second", [zbar("A", CODE_128), zxing("A", CODE_128, sampling="x 2.000")], ids=["other decoder", "other sampling"]
)
def test_two_independent_readings_confirm(second: Reading) -> None:
    assert TWICE.believed([zxing("A", CODE_128)]) == []
    assert TWICE.believed([zxing("A", CODE_128), second]) == [symbol("A", CODE_128)]


def test_the_same_decoder_on_the_same_samples_confirms_nothing() -> None:
    assert TWICE.believed([zxing("A", CODE_128), zxing("A", CODE_128)]) == []


def test_the_same_code_in_another_place_confirms_nothing() -> None:
    assert TWICE.believed([zxing("A", CODE_128), zxing("A", CODE_128, left=500, sampling="x 2.000")]) == []


@pytest.mark.parametrize("digits", ["00012345678905", "5901234123457", "036000291452", "12345670"])
def test_a_right_check_digit(digits: str) -> None:
    """Also: any other last digit is wrong."""
    assert [last for last in "0123456789" if check_digit.is_right(digits[:-1] + last)] == [digits[-1]]


@pytest.mark.parametrize("text", ["", "12A4", "\u0661\u0662", "-1"])
def test_what_is_no_number_has_no_check_digit(text: str) -> None:
    assert not check_digit.is_right(text)


def test_a_code_in_view_is_passed_on_once_and_counted() -> None:
    holdoff = Holdoff(3.0)
    assert holdoff.passes(symbol("A"), 0.0)
    assert not holdoff.passes(symbol("A"), 1.0)
    assert not holdoff.passes(symbol("A"), 3.9)
    assert holdoff.due_s() == 6.9
    assert holdoff.ended(6.8) == []
    assert holdoff.ended(6.9) == [Held(b"A", "A", 2)]
    assert holdoff.passes(symbol("A"), 7.0)


def test_a_code_seen_once_leaves_without_a_word() -> None:
    holdoff = Holdoff(3.0)
    assert holdoff.passes(symbol("A"), 0.0)
    assert holdoff.due_s() == math.inf
    assert holdoff.ended(100.0) == []


def test_without_hold_off_every_reading_is_passed_on() -> None:
    holdoff = Holdoff(0.0)
    for now_s in (0.0, 0.0, 1.0):
        assert holdoff.ended(now_s) == []
        assert holdoff.passes(symbol("A"), now_s)


def test_two_frames_must_show_a_code() -> None:
    agreement = Agreement(frozenset())
    assert agreement.agreed([symbol("A")], 0.0) == []
    assert agreement.agreed([symbol("B")], 0.1) == []
    assert agreement.agreed([symbol("A")], 0.2) == [symbol("A")]


def test_frames_far_apart_do_not_agree() -> None:
    agreement = Agreement(frozenset())
    assert agreement.agreed([symbol("A")], 0.0) == []
    assert agreement.agreed([symbol("A")], TOGETHER_S + 0.1) == []


def test_a_symbology_for_single_reading_passes_at_once() -> None:
    agreement = Agreement({QR})
    assert agreement.agreed([symbol("A", QR), symbol("B")], 0.0) == [symbol("A", QR)]


def view(**more: object) -> View:
    return View(CameraScannerSettings.model_validate({"name": "c", "driver": "d", "source": "/x", **more}))


SHARP = scene(code("SN1"), size=(320, 240))


@pytest.mark.parametrize(
    ("frame", "name"),
    [(grey(3), "dark"), (grey(120), "blind"), (blurred(SHARP, 12), "out-of-focus")],
    ids=["dark", "blind", "out-of-focus"],
)
def test_a_bad_view_is_told_once_when_it_begins_and_once_when_it_ends(frame: Frame, name: str) -> None:
    one = view(condition_frames=3)
    began = [one.seen(frame, with_code=False) for _ in range(6)]
    assert [[condition.name for condition in told] for told in began] == [[], [], [name], [], [], []]
    assert began[2][0].active
    ended = [one.seen(SHARP, with_code=False) for _ in range(6)]
    assert [[condition.active for condition in told] for told in ended] == [[], [], [False], [], [], []]


def test_one_bad_frame_among_good_ones_says_nothing() -> None:
    one = view(condition_frames=2)
    assert [one.seen(frame, with_code=False) for frame in (grey(3), SHARP) * 5] == [[]] * 10


def test_a_condition_does_not_flicker_at_its_threshold() -> None:
    """It ends only when the measure is clearly better."""
    one = view(condition_frames=1, dark_below=20.0, blind_below=0.0, focus_below=0.0)
    assert [told.active for told in one.seen(grey(19), with_code=False)] == [True]
    assert one.seen(grey(21), with_code=False) == []
    assert [told.active for told in one.seen(grey(30), with_code=False)] == [False]


def test_a_frame_with_a_code_is_neither_dark_nor_blurred() -> None:
    one = view(condition_frames=1)
    assert one.seen(grey(3), with_code=True) == []


def test_a_threshold_of_nought_tells_nothing() -> None:
    one = view(condition_frames=1, dark_below=0.0, blind_below=0.0, focus_below=0.0)
    assert one.seen(grey(0), with_code=False) == []


def test_the_detail_says_how_bad_it_is() -> None:
    (condition,) = view(condition_frames=1).seen(grey(3), with_code=False)
    assert condition == Condition(b"", "dark", active=True, detail="3.0, wanted 20.0")
