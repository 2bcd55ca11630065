# SPDX-License-Identifier: Apache-2.0
"""Yubico's attestation roots.

Those for YubiKeys are listed (and signed) at https://developers.yubico.com/PKI/yubico-ca-certs.txt; the one for
YubiHSM 2 stands beside the page on its attestation.

Not pinned are the roots of other applets (OpenPGP, FIDO only) and of preview devices.
"""

import base64

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["YUBICO"]

YUBICO = (
    VendorAnchor(
        name="Yubico PIV Root CA Serial 263751",
        # SHA-256 4b185b7783d792f902cd960cd1c9417977d88d3077b16bc9ebdcef7313f2e29e
        key=base64.b64decode(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAw3ZwxM1HpgJ1xMVHG4/LfU9ptGfmbqkn6dITQdFamhoz"
            "x9zzAcL5OZv3yOY2+FY0TYSKVTzm5gp8QU/13pDYabK2oGfFmwBrcqpmIILHYvBDiJgQ5vWWWCi1Wv/CESl1U6qO"
            "hTQ/l7WPXLs5/A6+TL/4Bcg3/1enRUWVhGTa1D0Zx1goOapT51v2IrCkDOJ3igcFUsiGYPem+RZpEDYfcMD23sf8"
            "c2rm/c6I7WPItl4qpmgxs85uvGoOD71851KHOB/AKqBPddWZN6LC8FJNy3KL2YdB9h3YPCRqrFGcts1XIr3OX4PO"
            "NIan0iFU+JW0Z61fTZ3GFCcZLsroE7RB7wIDAQAB"
        ),
        formats=frozenset({"yubikey-piv"}),
        source="https://developers.yubico.com/PKI/yubico-piv-ca-1.pem",
        note="2016-03-14 to 2052-04-17; two certificates for one key; firmware up to 5.7.3",
    ),
    VendorAnchor(
        name="Yubico U2F Root CA Serial 457200631",
        # SHA-256 29412da192720e5f4f22a408559c057e4ff25347eafb20cfb15a047a07601935
        key=base64.b64decode(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAv48GLoQVZamomFhDLK1hYrICfj7TPdXkq6SOEyu1Od5s"
            "AiGsEgx8vL1JpOTdigI/Wm70/TT+UjEtYUIt7rMaGBqJ10IHzumV8lAPWvigJKnRZwZ5croEngjnqfBHWRX7GkRb"
            "TI5MM+RnM9j8uLyGLwnTBz7cGs9G1bs53rniBM+k50IxOt0Xbds28J3m8ExuWcm3lksG88vgSd+GR3FITwGPPciU"
            "F7hNCMzGRXBAWzzUW1hAkSoI6v/6k/Z5gzhVZUkQrdsIqj0s5bsJ/r/rLkBAbFI0xjBHdubSl105DVttcCFm8Xks"
            "lKE18C7xkusZcEEoDaZNql2MH/Il4O1VmQIDAQAB"
        ),
        formats=frozenset({"yubikey-piv"}),
        source="https://developers.yubico.com/PKI/yubico-fido-ca-1.pem",
        note="2014-08-01 to 2050-09-04; the PIV applet of some YubiKey 4 was certified by it",
    ),
    VendorAnchor(
        name="Yubico Attestation Root 1",
        # SHA-256 1f43e2b88e964a5d03b8058bbaaced68199c9256200f1bb28eaab2f82a1e06f2
        key=base64.b64decode(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxnr9PEzyshP4Rqg+8bzWie0w6j/aZDZEHAkdLRBlzFVo"
            "1e+XXYtSEFnkuaIFJwhl3VGfHWh3nzmH792EruESbskAAuQoq2zV87ncoY0tm6PPmHfAadyviHIoXQbvhv9Tcr2E"
            "TmYY0PrOphyEJEAd+tgxhEMXhgvRfgPmcZ3G+mkDLqeQSa1aYyfA7eLRMC5yytsTjzke8YzivRWmBV0mm+BCOJMk"
            "JMir4PfmHC1PxAMi/6ca+lzKLnBwh8KTPIKKYm6SFjLoqio0wpAR2k2JI69bIMxMy3VvAK8TOnD3W76axS3iuPR5"
            "+c72zRk7B3AxEOcfjGBSXlkvCus+R8LX/QIDAQAB"
        ),
        formats=frozenset({"yubikey-piv", "yubihsm"}),
        source="https://developers.yubico.com/PKI/yubico-ca-1.pem",
        note="2024-12-01, no end; firmware from 5.7.4, through intermediates in yubico-intermediate.pem",
    ),
    VendorAnchor(
        name="Yubico YubiHSM Root CA",
        # SHA-256 734a10b6b58ea57f63e5b9f6673a5ef6a075269d276a087e49f2756c2ea2582b
        key=base64.b64decode(
            "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEA4WqC8Krz1pXqgD4Bj3g/dosh/soydDCbNQ1uePeONXO5"
            "u4Kswi+jXPmcU9uqxIrNC6+t7Mwc+yyBAZBvIl6w+h5qwT7zE7VTjeWBTP/4w0NXzgkPZgXWl6XIZNCJQfSSUxfh"
            "/NW7KCQySpDUGkR8hFHYwZTIUD90/chv7lc1zcpaIgJDQ7m3IbPKKbaRrrc7ZUSB1cCFM7P6ESuJiTMKITNTMyW2"
            "qoa8YTaAxHXIiiqmnff2ObtsPKtjfh8aHDdBdpZ8TqBCu8ht+3tpZpe2lnfqJBUGN9wqIp+h1JLaKXN4NTr+VlUN"
            "EEGwMEJNKMtt3p1qxHmyHV4vSd5mOT4SY81MNL0Cv3HAHgR1lT7o8rMDTjB1PZP9v8Np2rpuvlog34eMsIBApP78"
            "zSjQrImQiHAYcADcRZX6nSTOFyNdfjWtKxybdiFZpTpuLtGPwF7i3ISYQXambmaEqw83jCqIMMF4jFMkKjA8UZnJ"
            "RW+53pM5Gy6hQzhlJpwhE9d/L87VeR2ei0sidO1rDB9pQOdy9z41EBw4pH5Aa99CPcOn16Eg4TS5838as2pG3xFg"
            "WBiVxipMW72pejBD5G5kk/hpbOW5QO6vaXBLmngq4o3IySmM9J9IPRXuZrhmu2uafIvp3o67/lUcuqGEnxjG+Sj5"
            "q51g12E6sVXauoxqhGOhllcCAwEAAQ=="
        ),
        formats=frozenset({"yubihsm"}),
        source="https://developers.yubico.com/YubiHSM2/Concepts/yubihsm2-attest-ca-crt.pem",
        note="2017-01-01 to 2071-10-05; YubiHSM 2, through the Sub-CA that is published beside it",
    ),
)
"""What may attest a YubiKey or a YubiHSM."""
