"""Which stand-in speaks which protocol, by the name that the station file uses too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.and_balance import AndBalance
from simulators.gauges.digimatic import Digimatic
from simulators.gauges.mahr import Mahr
from simulators.gauges.mark_10 import Mark10
from simulators.gauges.mt_sics import MtSics
from simulators.gauges.sartorius import Sartorius
from simulators.gauges.sylvac import Sylvac
from simulators.gauges.text import Text

if TYPE_CHECKING:
    from simulators.gauges.asked import AskedGauge

PROTOCOLS: dict[str, type[AskedGauge]] = {
    "and-balance": AndBalance,
    "digimatic": Digimatic,
    "mahr": Mahr,
    "mark-10": Mark10,
    "mt-sics": MtSics,
    "sartorius-sbi": Sartorius,
    "sylvac": Sylvac,
    "text-gauge": Text,
}
