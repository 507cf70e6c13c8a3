"""What an agent must never receive, in every form in which it could come.

Words are searched for as such, whatever surrounds them; values (numbers,
dates, the words' full values) also in the forms that only a whole value has:
binary formats and digests.
"""
import base64
import hashlib
import struct
from urllib.parse import quote

# In every value of a masked column, of a column that no policy permits, of a
# row of another tenant, of an object that is closed as a whole.
WORDS = {"masked": "RAWMASK", "uncovered": "RAWNOTE", "other tenant": "RAWROW",
         "closed": "RAWVAULT"}

# Hidden numbers begin with this one, or nearly so; hidden dates are in this
# month.
NUMBER = 48151623
MONTH = "1907-03-"


def word_forms(word):
    """Forms of a word that show wherever in a value it stands."""
    data = word.encode()
    yield "text", data, True
    yield "reversed", data[::-1], True
    yield "hex", data.hex().encode(), True
    yield "url-encoded", "".join(f"%{b:02x}" for b in data).encode(), True
    yield "JSON escapes", "".join(f"\\u{b:04x}" for b in data).encode(), True
    yield "XML references", "".join(f"&#{b};" for b in data).encode(), True
    yield "octal escapes", "".join(f"\\{b:03o}" for b in data).encode(), True
    for separator in (" ", ",", ", "):
        yield "list of bytes", separator.join(str(b) for b in data).encode(), False
        yield "spelled", separator.join(word).encode(), True
    yield "UTF-16", word.encode("utf-16-be"), False
    yield "quoted-printable", "".join(f"={b:02x}" for b in data).encode(), True
    for shift in range(3):
        # characters of base64 that depend on the word alone
        coded = base64.b64encode(b"\0" * shift + data)
        yield "base64", coded[-(-shift * 8 // 6):len(data) * 8 // 6 - 1], False


def numeric_binary(number):
    """A numeric's digits to the base of 10000, as they are sent."""
    digits = []
    while number:
        digits.insert(0, number % 10000)
        number //= 10000
    return b"".join(struct.pack("!H", digit) for digit in digits)


def number_forms(number):
    """Forms of one whole number."""
    yield "decimal", str(number).encode(), False
    yield "reversed", str(number)[::-1].encode(), False
    yield "hex of a number", f"{number:x}".encode(), True
    yield "int8", struct.pack("!q", number), False
    if number < 1 << 31:
        yield "int4", struct.pack("!i", number), False
    yield "float8", struct.pack("!d", number), False
    yield "numeric", numeric_binary(number), False
    yield "number with separators", f"{number:,}".encode(), False


def value_forms(value):
    """Forms that only a whole value has."""
    for algorithm in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
        digest = hashlib.new(algorithm, value.encode())
        yield algorithm, digest.hexdigest().encode(), True
        yield algorithm, digest.digest(), False
    yield "url-encoded", quote(value, safe="").encode(), False


def key_forms(key):
    """Forms of a secret key of bytes."""
    yield "key", key, False
    yield "hex of the key", key.hex().encode(), True
    yield "base64 of the key", base64.b64encode(key)[:-4], False
    yield "bytes of the key", " ".join(str(b - 256 if b > 127 else b) for b in key[:8]).encode(), False


class Searcher:
    """Searches bytes for markers; values and keys come from the server."""

    def __init__(self, values, numbers, keys):
        self._exact, self._folded = {}, {}
        for name, word in WORDS.items():
            self._add(name, word_forms(word))
        for value in values:
            self._add("value " + value[:24], value_forms(value))
        for number in numbers:
            self._add(f"number {number}", number_forms(number))
        for key in keys:
            self._add("mask key", key_forms(key))
        self._add("hidden number", [("text", str(NUMBER).encode(), False),
                                    ("scientific", b"4.8151623", False),
                                    ("reversed", str(NUMBER)[::-1].encode(), False)])
        self._add("hidden date", [("text", MONTH.encode(), False),
                                  ("text", b"Mar 1907", True)])

    def _add(self, name, forms):
        for form, data, folded in forms:
            if folded:
                self._folded[data.lower()] = f"{name} ({form})"
            else:
                self._exact[data] = f"{name} ({form})"

    def search(self, data):
        """Names of what is found, each once."""
        found = {name for form, name in self._exact.items() if form in data}
        data = data.lower()
        found.update(name for form, name in self._folded.items() if form in data)
        return sorted(found)


def disguises(value):
    """A value as it could be sent, to see whether the search finds it."""
    data = value.encode()
    yield "text", b"x" + data
    yield "upper case", value.upper().encode()
    yield "reversed", data[::-1]
    yield "hex", b"\\x" + data.hex().encode()
    yield "url-encoded", "".join(f"%{b:02X}" for b in data).encode()
    yield "spelled", ", ".join(value).encode()
    yield "bytes", " ".join(map(str, data)).encode()
    yield "UTF-16", value.encode("utf-16-be")
    for digest in ("md5", "sha256"):
        yield digest, hashlib.new(digest, data).hexdigest().encode()
    for before in range(4):
        yield f"base64 after {before} bytes", base64.b64encode(b"z" * before + data)
        yield f"base64 before {before} bytes", base64.b64encode(data + b"z" * before)


def missed(searcher, values, numbers):
    """Disguises of these that the searcher does not find."""
    probes = [(name, data) for value in values for name, data in disguises(value)]
    for number in numbers:
        probes += [("number", str(number).encode()), ("int8", struct.pack("!q", number)),
                   ("numeric", numeric_binary(number)), ("hex number", f"{number:x}".encode())]
    return sorted({name for name, data in probes if not searcher.search(b"\0ab" + data + b"cd\0")})
