"""A certificate authority of a test's own, and the certificate that it signs for a server on this machine."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "localhost"
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Files in PEM: `authority` for who is to trust the server, `server` for the server, with its key."""

    authority: Path
    server: Path


def issued(folder: Path) -> Certificates:
    """Make an authority and a certificate for `localhost`, by that name alone, into a folder."""
    folder.mkdir(exist_ok=True)
    key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _signed(key, "an authority of tests", key, x509.BasicConstraints(ca=True, path_length=0))
    server = _signed(server_key, NAME, key, x509.SubjectAlternativeName([x509.DNSName(NAME)]))
    found = Certificates(authority=folder / "authority.pem", server=folder / "server.pem")
    found.authority.write_bytes(_pem(authority))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    found.server.write_bytes(server_key.private_bytes(serialization.Encoding.PEM, *private) + _pem(server))
    return found


def _signed(
    key: ec.EllipticCurvePrivateKey, name: str, by: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
) -> x509.Certificate:
    subject, issuer = _name(name), _name("an authority of tests")
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    now = dt.datetime.now(dt.UTC)
    valid = builder.not_valid_before(now - DAY).not_valid_after(now + DAY)
    is_authority = isinstance(extension, x509.BasicConstraints)
    return valid.add_extension(extension, critical=is_authority).sign(by, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
