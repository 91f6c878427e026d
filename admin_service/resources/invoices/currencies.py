"""The currencies of ISO 4217 in which an amount can be paid, and how many decimals each has. Pure.

Funds, precious metals, units of account and test codes are left out, because no invoice is paid in them.
"""

from typing import Final

_WITHOUT_MINOR_UNIT: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THOUSANDTHS: Final = "BHD IQD JOD KWD LYD OMR TND"
_HUNDREDTHS: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP
DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR
LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG
YER ZAR ZMW ZWG
"""

DECIMALS: Final = (
    dict.fromkeys(_WITHOUT_MINOR_UNIT.split(), 0)
    | dict.fromkeys(_THOUSANDTHS.split(), 3)
    | dict.fromkeys(_HUNDREDTHS.split(), 2)
)
"""The number of decimals of each currency, by code."""

MIN_UNITS: Final = 1
"""The least amount of an invoice, in whole units of its currency."""


def is_payable(nanos: int, decimals: int) -> bool:
    """Returns whether a fraction of a unit, in billionths, is a whole number of minor units."""
    return nanos % int(10 ** (9 - decimals)) == 0
