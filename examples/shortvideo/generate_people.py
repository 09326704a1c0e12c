#!/usr/bin/python3
"""Writes people who do not exist as CSV: names, streets and so on in many scripts, the same ones for the same seed.

They all live in the United States, since the example's agreement is about users there; their names and languages come
from many places. Made with Faker (Debian: python3-fake-factory).
"""

import argparse
import csv
import datetime
import random
import sys
import unicodedata

from faker import Faker

COLUMNS = ["subject", "name", "email", "phone", "street", "city", "zip", "country", "birthdate", "language", "occupation"]

# Faker's locale, the language as BCP 47 writes it, and how many of a hundred-odd have it.
ORIGINS = [
    ("en_US", "en", 40), ("es_MX", "es", 14), ("zh_CN", "zh-Hans", 6), ("zh_TW", "zh-Hant", 3), ("ja_JP", "ja", 4),
    ("ko_KR", "ko", 4), ("hi_IN", "hi", 5), ("ne_NP", "ne", 2), ("ar_SA", "ar", 4), ("fa_IR", "fa", 3),
    ("he_IL", "he", 2), ("ru_RU", "ru", 3), ("uk_UA", "uk", 2), ("el_GR", "el", 2), ("th_TH", "th", 2),
    ("ka_GE", "ka", 1), ("de_DE", "de", 2), ("fr_FR", "fr", 2), ("pt_BR", "pt", 3), ("pl_PL", "pl", 2),
    ("tr_TR", "tr", 1), ("cs_CZ", "cs", 1),
]
MAIL_HOSTS = ["example.com", "example.net", "example.org"]  # reserved (RFC 2606): nobody's
BORN_FROM, BORN_TO = datetime.date(1931, 1, 1), datetime.date(2012, 12, 31)


def mail_name(name, number):
    """The name in ASCII as far as it goes, and a number that makes it one person's."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = ["".join(c for c in word if c.isalpha()) for word in folded.split()]
    return ".".join([word for word in words if len(word) > 1][:2] or ["user"]) + str(number)


def birthdate(rng):
    """Most are young; some are over ninety."""
    days = (BORN_TO - BORN_FROM).days
    return BORN_TO - datetime.timedelta(days=int(days * rng.betavariate(1.6, 3.2)))


def people(count, seed):
    rng = random.Random(seed)
    fakers = {}
    for locale in sorted({origin[0] for origin in ORIGINS}):
        fakers[locale] = Faker(locale)
        fakers[locale].seed_instance("%d %s" % (seed, locale))
    home = fakers["en_US"]
    weights = [origin[2] for origin in ORIGINS]
    for number in range(1, count + 1):
        locale, language, _ = rng.choices(ORIGINS, weights)[0]
        name = fakers[locale].name()
        yield {
            "subject": "u%06d" % number,
            "name": name,
            "email": "%s@%s" % (mail_name(name, number), rng.choice(MAIL_HOSTS)),
            # 555-0100 to 555-0199 are kept for fiction.
            "phone": "+1 %d 555 01%02d" % (rng.randint(201, 989), rng.randint(0, 99)),
            "street": home.street_address(),
            "city": home.city(),
            "zip": home.zipcode()[:5],
            "country": "US",
            "birthdate": birthdate(rng).isoformat(),
            "language": language,
            "occupation": fakers[locale].job(),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=3000, help="how many (default 3000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same people (default 1)")
    parser.add_argument("--out", default="-", help="file to write; - for standard output (default)")
    options = parser.parse_args()
    if not 1 <= options.people <= 999999:
        parser.error("--people must lie between 1 and 999999")
    out = sys.stdout if options.out == "-" else open(options.out, "w", encoding="utf-8", newline="")
    with out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(people(options.people, options.seed))


if __name__ == "__main__":
    main()
